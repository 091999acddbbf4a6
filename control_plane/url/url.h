// URLs as OAuth and OpenID Connect use them: parsed by libcurl's URL parser (the one that will fetch them, so
// that nobody reads a URL differently from us), queries merged by name. Where a URL may lead is left to http/
// (egress) and return_url.h (redirects).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/result.h"

namespace nexus::control {

using QueryParams = std::vector<std::pair<std::string, std::string>>;

inline constexpr size_t kMaxUrlBytes = 2048;

struct Url {
    std::string scheme;  // "http" or "https"
    std::string host;    // lower case, without brackets and trailing dot; IP addresses in their usual form
    uint16_t port = 0;   // the scheme's default where none is written
};

/// An absolute http(s) URL of printable ASCII, at most kMaxUrlBytes, without user info.
/// errors kInvalidRequest: "<what> is not ...", also for all that parsers read differently (see url.cpp)
Result<Url> parse_http_url(std::string_view text, std::string_view what);

/// Puts `params` into the query of `url`: parameters of the same names go first, everything else stays byte
/// for byte, a fragment stays behind the query.
std::string with_query(std::string_view url, const QueryParams &params);

}  // namespace nexus::control
