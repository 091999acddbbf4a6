// nexusd's configuration: one table of environment variables, read once at the start, every problem reported
// together. Holds no policy beyond "is this value possible and safe"; what the values do lives elsewhere.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control_plane/config/redis_target.h"
#include "shared/crypto/digest.h"
#include "shared/crypto/keyring.h"
#include "shared/net/host_rule.h"
#include "shared/secret.h"

namespace nexus::control {

/// What `nexusd` exits with when the configuration is refused (EX_CONFIG of sysexits.h).
inline constexpr int kExitConfig = 78;

/// One row per variable: --help, docs/configuration.md and the parser all follow this table.
struct Variable {
    std::string_view name;
    std::string_view default_value;  // as one would write it; "" = none
    std::string_view meaning;        // one line
    bool required;
    bool secret;  // also read from the file that NAME_FILE names
};
std::span<const Variable> config_variables() noexcept;
/// The table as `nexusd --help` prints it.
std::string config_help();

enum class DatabaseKind : uint8_t { kSqlite, kPostgres };

struct DatabaseTarget {
    DatabaseKind kind = DatabaseKind::kSqlite;
    std::string path;  // SQLite only; ":memory:" is refused, a pool would see many databases
    Secret url;        // PostgreSQL only: libpq's connection string, password included
};

/// Scopes of control-plane keys (X-API-Key).
enum class KeyScope : uint8_t { kFull, kEdge };

/// A control-plane key is kept as its digest only; the text is forgotten after the start.
struct ControlKey {
    crypto::Sha256 sha256;
    KeyScope scope;
};
/// Scope of a presented key; every key is compared, in constant time. nullopt = unknown.
std::optional<KeyScope> match_control_key(std::span<const ControlKey> keys,
                                          std::string_view presented) noexcept;

/// Groups of routes that have an allowlist of their own.
enum class Network : uint8_t { kControl, kTokens, kEdge, kAdmin, kMetrics };
inline constexpr size_t kNetworkCount = 5;
/// For logs and metrics: control, tokens, edge, admin, metrics.
std::string_view to_string(Network network) noexcept;
/// ALLOWED_CIDRS, ALLOWED_CIDRS_TOKENS, ...
std::string_view variable_of(Network network) noexcept;

/// From where the routes of each group may be used. Fails closed: an address that cannot be read is not
/// allowed.
class NetworkRules {
public:
    bool allow(Network network, std::string_view ip) const;
    void set(Network network, std::vector<net::Cidr> cidrs) {
        cidrs_[static_cast<size_t>(network)] = std::move(cidrs);
    }
    void turn_off() { is_on_ = false; }
    bool is_on() const { return is_on_; }

private:
    std::array<std::vector<net::Cidr>, kNetworkCount> cidrs_;
    bool is_on_ = true;
};

/// Rules of ALLOWED_RETURN_DOMAINS, as parse_return_rule (urls.h) reads them.
using HostRules = std::vector<std::string>;

struct Config {
    std::string listen = "127.0.0.1";  // loopback only
    uint16_t port = 8080;
    std::string base_url;       // no trailing slash
    std::string redirect_path;  // starts with a slash
    DatabaseTarget database;
    unsigned database_pool = 8;
    RedisTarget redis;
    std::shared_ptr<const crypto::Keyring> encryption_keys;  // vault
    std::shared_ptr<const crypto::Keyring> cache_keys;       // records in Redis
    std::vector<Secret> state_keys;                          // 32 bytes each; the first one signs
    std::vector<ControlKey> control_keys;
    NetworkRules networks;
    std::vector<net::Cidr> trusted_proxies;  // whose X-Forwarded-For and X-Real-IP are believed
    HostRules allowed_return_domains;
    std::vector<net::Cidr> egress_allowed_cidrs;
    std::string egress_ca_file;          // "" = the system's
    std::string oidc_mode = "verified";  // or "opaque": of providers that do not say
    std::string refresh_journal_folder = ".";
    std::string log_level = "info";
    unsigned audit_retention_days = 0;  // 0 = audit rows are kept for ever
    unsigned worker_threads = 64;       // they wait for providers, so many more than cores
    unsigned queue_limit = 256;         // requests waiting for a worker
    unsigned max_connections = 1024;
    unsigned request_timeout_s = 10;
    unsigned keepalive_timeout_s = 60;
    unsigned shutdown_grace_s = 10;

    std::string redirect_uri() const { return base_url + redirect_path; }
    bool is_https() const { return base_url.starts_with("https:"); }
};

/// What is allowed, but should not go without saying: a guard that a variable has turned off or opened.
struct OpenGuard {
    std::string_view variable;
    std::string_view meaning;
};
std::vector<OpenGuard> open_guards(const Config &config);

/// NAME -> value; a test passes its own.
using Environment = std::map<std::string, std::string>;
/// The variables of the table (and their _FILE forms) as the process has them.
Environment process_environment();
/// Overwrites the secret ones where the process keeps them, so that /proc/PID/environ and children do not
/// show them.
void forget_secret_environment() noexcept;

struct ConfigProblem {
    std::string variable;
    std::string sentence;  // names the variable, never its value if it is a secret
};

/// returns the configuration, or every problem found (never both, never an empty list)
tl::expected<Config, std::vector<ConfigProblem>> parse_config(const Environment &environment);

}  // namespace nexus::control
