// Reading the three URLs of the configuration. Errors are sentences without the variable's name and without
// secrets.
#pragma once

#include <string>
#include <string_view>

#include "control_plane/config/config.h"
#include "shared/result.h"

namespace nexus::control {

struct BaseUrl {
    std::string text;       // no trailing slash
    std::string host_port;  // as written: host or host:port
};

/// Is the host (name or literal, without brackets) this machine: localhost, 127.0.0.0/8, ::1?
bool is_loopback_host(std::string_view host) noexcept;

/// An entry of ALLOWED_RETURN_DOMAINS: host, host:port or *.suffix, alone or behind http:// or https://.
struct ReturnRule {
    std::string scheme;  // "" = none was written
    std::string host;    // as net::host_rule_matches takes it, port included
    uint16_t port = 0;   // 0 = none was written
};
Result<ReturnRule> parse_return_rule(std::string_view text);

Result<BaseUrl> parse_base_url(std::string_view text);
/// What the environment says of TLS to PostgreSQL, beside DATABASE_URL.
struct DatabaseTls {
    bool is_enforced = true;  // ENFORCE_DB_SSL
    std::string mode;         // DB_SSLMODE, "" = not said
    std::string root_cert;    // DB_SSLROOTCERT, "" = not said
};
Result<DatabaseTarget> parse_database_url(const Secret &text, const DatabaseTls &tls);
/// The postgresql:// half of it: every host that is not this machine gets TLS, or the URL is refused.
/// sslmode: the URL's, DB_SSLMODE, verify-full where DB_SSLROOTCERT is set, require for another host.
Result<DatabaseTarget> parse_postgres_url(const Secret &text, const DatabaseTls &tls);
Result<RedisTarget> parse_redis_url(const Secret &text);

}  // namespace nexus::control
