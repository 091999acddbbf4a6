// Opens sealed records in the memory of the request.
#pragma once

#include <string_view>

#include "ngx_module/lookup/lookup.h"
#include "ngx_module/ngx/ngx.h"
#include "shared/record/caller_record.h"
#include "shared/record/token_record.h"
#include "shared/result.h"

namespace nexus::edge {

/// Opens what `lookup` found, in its place: the area holds the payload from then on, and is wiped with the
/// request.
/// errors kUnknownKey, kSealBroken, kMalformedRecord, kInternal (out of memory)
Result<std::string_view> open_record(Lookup &lookup);

struct OpenedToken {
    record::TokenView view;  // good until the request ends
    size_t bytes = 0;        // of the record, opened
};

/// The token record that `lookup` found. One that is none is counted (nexus_records_refused_total).
/// errors as open_record
Result<OpenedToken> open_token(Lookup &lookup);

/// The caller that `lookup` found; opened if this worker has not kept it from an earlier request. The view is
/// good until the request ends. errors as open_record
Result<record::CallerView> open_caller(Lookup &lookup);

}  // namespace nexus::edge
