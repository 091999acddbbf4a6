// The Cookie field of a request (RFC 6265 section 4.2, RFC 9113 section 8.2.3 for several lines).
#pragma once

#include <string>
#include <string_view>

#include "shared/http1/header_block.h"

namespace nexus::http1 {

/// The value of the one Cookie line that stands for all of the head's, with this cookie at its end in place
/// of any of that name. Allocated once, at its largest, so that no copy of a secret is left behind.
std::string with_cookie(const Head &head, std::string_view name, std::string_view value);

}  // namespace nexus::http1
