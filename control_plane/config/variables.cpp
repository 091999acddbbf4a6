// The table of variables: the one place that knows their names, defaults and meanings.
#include <algorithm>
#include <array>

#include "control_plane/config/config.h"

namespace nexus::control {

namespace {

constexpr std::array kVariables{
    Variable{"PORT", "8080", "TCP port to listen on", false, false},
    Variable{"LISTEN", "127.0.0.1",
             "Address to listen on; loopback only, an nginx on this host faces the network", false, false},
    Variable{"BASE_URL", "", "Public URL of this installation: https, or http on loopback", true, false},
    Variable{"REDIRECT_PATH", "/auth/callback", "Path of the OAuth callback below BASE_URL", false, false},
    Variable{"DATABASE_URL", "sqlite:nexus.db", "sqlite:PATH, or postgresql://USER:PASSWORD@HOST/NAME", false,
             true},
    Variable{"ENFORCE_DB_SSL", "true", "false allows a PostgreSQL on another host without TLS", false, false},
    Variable{"DB_SSLMODE", "",
             "sslmode of PostgreSQL where DATABASE_URL names none (default: require for another host,"
             " verify-full with DB_SSLROOTCERT)",
             false, false},
    Variable{"DB_SSLROOTCERT", "", "CA certificates (PEM) that PostgreSQL's certificate is verified by",
             false, false},
    Variable{"DATABASE_POOL", "8", "Most database connections open at once, 1 to 256", false, false},
    Variable{"REDIS_URL", "redis://localhost:6379/0",
             "redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], unix:/PATH, sentinel://HOST,.../MASTER[/DB] or"
             " cluster://HOST,...; over TLS rediss://, sentinels://, clusters://",
             false, true},
    Variable{"REDIS_PASSWORD", "", "Password for Redis, instead of one in REDIS_URL", false, true},
    Variable{"REDIS_SENTINEL_USERNAME", "", "ACL user for the Sentinels", false, false},
    Variable{"REDIS_SENTINEL_PASSWORD", "", "Password for the Sentinels", false, true},
    Variable{"REDIS_CA_FILE", "", "CA certificates (PEM) that Redis' is verified by, instead of the system's",
             false, false},
    Variable{"REDIS_SERVER_NAME", "",
             "Name that Redis' certificate must be for, instead of each server's host", false, false},
    Variable{"REDIS_CERTIFICATE_FILE", "", "Certificate (PEM) by which Redis knows nexusd", false, false},
    Variable{"REDIS_CERTIFICATE_KEY_FILE", "", "Its private key (PEM)", false, false},
    Variable{"ENCRYPTION_KEY", "", "Seals master secrets in the database: base64 of 32 bytes", true, true},
    Variable{"ENCRYPTION_KEYS_PREVIOUS", "", "Older ENCRYPTION_KEYs that still open, comma separated", false,
             true},
    Variable{"CACHE_KEY", "", "Seals records in Redis, shared with the edges: base64 of 32 bytes", true,
             true},
    Variable{"CACHE_KEYS_PREVIOUS", "", "Older CACHE_KEYs that still open, comma separated", false, true},
    Variable{"STATE_KEY", "", "Signs the OAuth state parameter: base64 of 32 bytes", true, true},
    Variable{"STATE_KEYS_PREVIOUS", "", "Older STATE_KEYs that still verify, comma separated", false, true},
    Variable{"API_KEY", "", "Control-plane key with every scope, at least 32 characters (or use API_KEYS)",
             false, true},
    Variable{"API_KEYS", "", "More control-plane keys with every scope, comma separated", false, true},
    Variable{"EDGE_KEY", "", "Key of the edges (scope edge), at least 32 characters", false, true},
    Variable{"REQUIRE_API_KEY", "true", "Cannot be turned off: every caller has a key", false, false},
    Variable{"ENFORCE_RETURN_URL", "true", "Cannot be turned off: return_url is always checked", false,
             false},
    Variable{"REQUIRE_ALLOWLIST", "true",
             "false lets control-plane keys in from every address: the lists below count for nothing", false,
             false},
    Variable{"ALLOWED_CIDRS", "127.0.0.1/32,::1/128",
             "Networks that may use the control-plane API, comma separated", false, false},
    Variable{"ALLOWED_CIDRS_TOKENS", "",
             "The same for reading and refreshing tokens with a control-plane key (default: ALLOWED_CIDRS)",
             false, false},
    Variable{"ALLOWED_CIDRS_EDGE", "", "The same for edges (default: ALLOWED_CIDRS)", false, false},
    Variable{"ALLOWED_CIDRS_ADMIN", "",
             "The same for agents, keys, workspaces, secrets and the vault (default: ALLOWED_CIDRS)", false,
             false},
    Variable{"ALLOWED_CIDRS_METRICS", "", "The same for /metrics (default: ALLOWED_CIDRS)", false, false},
    Variable{"TRUSTED_PROXIES", "127.0.0.0/8,::1/128",
             "Networks of proxies whose X-Real-IP and X-Forwarded-For are believed, comma separated", false,
             false},
    Variable{"ALLOWED_RETURN_DOMAINS", "",
             "Where return_url may lead: host, host:port, *.suffix or scheme://host:port, comma separated"
             " (default: BASE_URL's host and loopback)",
             false, false},
    Variable{"EGRESS_ALLOWED_CIDRS", "",
             "Private networks that outgoing requests may reach after all, comma separated", false, false},
    Variable{"EGRESS_CA_FILE", "", "CA bundle (PEM) for outgoing TLS instead of the system's", false, false},
    Variable{"AUDIT_RETENTION_DAYS", "0",
             "Audit rows older than this are removed; 0 keeps all, at most 36500", false, false},
    Variable{
        "REFRESH_JOURNAL_DIR", "",
        "Folder for refreshed tokens that the database could not take, sealed (default: SQLite's folder, or"
        " the working one)",
        false, false},
    Variable{"OIDC_MODE", "verified",
             "What happens to id_tokens where a provider's oidc_mode does not say: verified, or opaque (not "
             "asked for, not kept)",
             false, false},
    Variable{"LOG_LEVEL", "info", "debug, info, warn, error or off", false, false},
    Variable{"WORKER_THREADS", "64",
             "Threads that answer requests, 1 to 1024; at most DATABASE_POOL of them work at once, the "
             "others wait for providers",
             false, false},
    Variable{"QUEUE_LIMIT", "256", "Requests that may wait for a thread before 503, 1 to 65536", false,
             false},
    Variable{"MAX_CONNECTIONS", "1024", "Clients that may be connected at once, 1 to 65536", false, false},
    Variable{"REQUEST_TIMEOUT_S", "10",
             "Seconds for a request to arrive whole, and to wait for a thread, 1 to 300", false, false},
    Variable{"KEEPALIVE_TIMEOUT_S", "60", "Seconds that a connection may be idle between requests, 1 to 3600",
             false, false},
    Variable{"SHUTDOWN_GRACE_S", "10", "Seconds that requests in flight get to finish at SIGTERM, 0 to 600",
             false, false},
};

}  // namespace

std::span<const Variable> config_variables() noexcept {
    return kVariables;
}

std::string config_help() {
    size_t width = 0;
    for (const Variable &variable : kVariables) {
        width = std::max(width, variable.name.size());
    }

    std::string text =
        "Environment variables (those marked * are also read from the file that NAME_FILE names):\n\n";
    for (const Variable &variable : kVariables) {
        text.append(variable.secret ? "* " : "  ").append(variable.name);
        text.append(width + 2 - variable.name.size(), ' ').append(variable.meaning);
        if (variable.required) {
            text.append(" [required]");
        } else if (!variable.default_value.empty()) {
            text.append(" [").append(variable.default_value).append("]");
        }
        text.push_back('\n');
    }
    return text;
}

}  // namespace nexus::control
