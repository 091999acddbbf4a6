// Where a Redis is, as operators write it.
#pragma once

#include <string>
#include <string_view>

#include "shared/result.h"

namespace nexus::edge {

namespace redis {

struct Url {
    std::string address;  // host:port, [v6]:port or unix:/path, as ngx_parse_url takes it
    unsigned database = 0;
};

/// redis://host[:port][/db], unix:/path. errors kInvalidRequest: what else it is, and what to write instead
Result<Url> parse_url(std::string_view url);

}  // namespace redis

}  // namespace nexus::edge
