// Where a Redis is, as operators write it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/result.h"

namespace nexus::resp {

struct Url {
    enum class Kind : uint8_t { kServer, kSentinel, kCluster };

    Kind kind = Kind::kServer;
    bool tls = false;
    std::vector<std::string> addresses;  // host:port, [v6]:port or unix:/path, as ngx_parse_url takes them
    std::string master_name;             // kSentinel
    unsigned database = 0;
};

/// Of an address that names none.
constexpr uint16_t default_port(Url::Kind kind) {
    return kind == Url::Kind::kSentinel ? 26379 : 6379;
}

/// A database's number, 0 to 1023, digits only.
std::optional<unsigned> parse_database(std::string_view text) noexcept;

/// redis://host[:port][/db], rediss:// (TLS), unix:/path, sentinel://host[:port],.../master-name[/db],
/// sentinels://, cluster://host[:port],..., clusters://. errors kInvalidRequest: what else it is, and what to
/// write instead
Result<Url> parse_url(std::string_view url);

}  // namespace nexus::resp
