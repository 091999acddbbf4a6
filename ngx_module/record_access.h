// Opens sealed records into memory of the request.
#pragma once

#include <string_view>

#include "ngx_module/lookup.h"
#include "ngx_module/ngx/ngx.h"
#include "shared/result.h"

namespace nexus::edge {

/// The payload of what `lookup` found, in an area that is wiped with the request.
/// errors kUnknownKey, kSealBroken, kMalformedRecord, kInternal (out of memory)
Result<std::string_view> open_record(const Lookup &lookup);

}  // namespace nexus::edge
