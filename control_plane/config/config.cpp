// From variables to Config. Nothing stops at the first problem: whoever sets up nexusd sees all of them at
// once.
#include "control_plane/config/config.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>

#include "control_plane/config/reader.h"
#include "control_plane/config/urls.h"
#include "shared/encoding/base64.h"
#include "shared/encoding/hex.h"
#include "shared/encoding/percent.h"

namespace nexus::control {

namespace {

constexpr size_t kMinApiKeyBytes = 32;

std::shared_ptr<const crypto::Keyring> read_keyring(ConfigReader &in, std::string_view name,
                                                    const Secret &current, std::string_view previous_name) {
    const Secret previous = in.secret(previous_name);
    if (current.empty()) {
        return nullptr;  // reported already
    }
    Result<crypto::Keyring> keyring =
        crypto::Keyring::from_base64({name, current}, {previous_name, previous});
    if (!keyring) {
        in.refuse(keyring.error().message);
        return nullptr;
    }
    return std::make_shared<const crypto::Keyring>(std::move(*keyring));
}

/// Edges hold the cache key, so it must open nothing else; the same goes for any other pair.
void refuse_shared_keys(ConfigReader &in, std::string_view name, const crypto::Keyring *keys,
                        std::string_view other_name, const crypto::Keyring *other) {
    if (keys == nullptr || other == nullptr) {
        return;
    }
    const bool is_shared = std::ranges::any_of(keys->entries(), [&](const crypto::Keyring::Entry &entry) {
        return other->find(entry.id) != nullptr;
    });
    if (is_shared) {
        in.refuse(name, "must be another key than " + std::string(other_name));
    }
}

void read_keys(ConfigReader &in, Config &config) {
    config.encryption_keys =
        read_keyring(in, "ENCRYPTION_KEY", in.secret("ENCRYPTION_KEY"), "ENCRYPTION_KEYS_PREVIOUS");
    config.cache_keys = read_keyring(in, "CACHE_KEY", in.secret("CACHE_KEY"), "CACHE_KEYS_PREVIOUS");

    const Secret state = in.secret("STATE_KEY");
    const auto state_ring = read_keyring(in, "STATE_KEY", state, "STATE_KEYS_PREVIOUS");
    if (state_ring != nullptr) {  // so every part is base64 of 32 bytes
        const Secret previous = in.secret("STATE_KEYS_PREVIOUS");
        for (const std::string_view list : {state.view(), previous.view()}) {
            for (const std::string_view key : split_list(list)) {
                if (Result<std::string> bytes = encoding::base64_decode(key); bytes) {
                    config.state_keys.emplace_back(std::move(*bytes));
                }
            }
        }
    }
    refuse_shared_keys(in, "CACHE_KEY", config.cache_keys.get(), "ENCRYPTION_KEY",
                       config.encryption_keys.get());
    refuse_shared_keys(in, "STATE_KEY", state_ring.get(), "ENCRYPTION_KEY", config.encryption_keys.get());
    refuse_shared_keys(in, "STATE_KEY", state_ring.get(), "CACHE_KEY", config.cache_keys.get());
}

void add_control_keys(ConfigReader &in, Config &config, std::string_view name, KeyScope scope) {
    const Secret list = in.secret(name);
    const std::vector<std::string_view> keys = split_list(list.view());
    for (const std::string_view &key : keys) {
        if (key.size() < kMinApiKeyBytes) {
            // Which one, but not what it is.
            const std::string which = keys.size() == 1 ? ""
                                                       : "(key " + std::to_string(&key - keys.data() + 1) +
                                                             " of " + std::to_string(keys.size()) + ") ";
            in.refuse(name, which + "needs at least 32 characters; make one with: openssl rand -base64 32");
            continue;
        }
        const crypto::Sha256 digest = crypto::sha256(key);
        const bool is_known = std::ranges::any_of(config.control_keys, [&](const ControlKey &known) {
            return known.sha256 == digest && known.scope != scope;
        });
        if (is_known) {
            in.refuse(name, "must be another key than API_KEY and API_KEYS");
            continue;
        }
        config.control_keys.push_back({digest, scope});
    }
}

void read_control_keys(ConfigReader &in, Config &config) {
    const size_t before = in.problem_count();
    add_control_keys(in, config, "API_KEY", KeyScope::kFull);
    add_control_keys(in, config, "API_KEYS", KeyScope::kFull);
    if (config.control_keys.empty() && in.problem_count() == before) {
        in.refuse("API_KEY",
                  "is required (or API_KEYS): nobody could use the API; make one with: "
                  "openssl rand -base64 32");
    }
    add_control_keys(in, config, "EDGE_KEY", KeyScope::kEdge);
}

void read_networks(ConfigReader &in, Config &config) {
    const std::vector<net::Cidr> everywhere = in.cidrs(variable_of(Network::kControl));
    config.networks.set(Network::kControl, everywhere);
    for (const Network network : {Network::kTokens, Network::kEdge, Network::kAdmin, Network::kMetrics}) {
        std::vector<net::Cidr> own = in.cidrs(variable_of(network));
        config.networks.set(network, own.empty() ? everywhere : std::move(own));
    }
    if (!in.flag("REQUIRE_ALLOWLIST")) {
        config.networks.turn_off();
    }
    if (!in.flag("REQUIRE_API_KEY")) {
        in.refuse("REQUIRE_API_KEY",
                  "cannot be false: without keys anybody could read every credential; give each client a key "
                  "of its own (POST /admin/keys, /admin/agents)");
    }
    if (!in.flag("ENFORCE_RETURN_URL")) {
        in.refuse(
            "ENFORCE_RETURN_URL",
            "cannot be false: whoever starts a flow could send people anywhere with it; name the hosts in "
            "ALLOWED_RETURN_DOMAINS (*.example.com covers all below it)");
    }
    config.trusted_proxies = in.cidrs("TRUSTED_PROXIES");
}

void read_return_domains(ConfigReader &in, Config &config, const std::string &base_host_port) {
    const std::string list = in.text("ALLOWED_RETURN_DOMAINS");
    for (const std::string_view rule : split_list(list)) {
        if (!parse_return_rule(rule)) {
            in.refuse("ALLOWED_RETURN_DOMAINS",
                      "must list host, host:port, *.suffix or https://host:port, without path, not " +
                          quoted(rule));
            return;
        }
        config.allowed_return_domains.emplace_back(rule);
    }
    if (config.allowed_return_domains.empty()) {
        config.allowed_return_domains = {"localhost", "127.0.0.1", "[::1]"};
        if (!base_host_port.empty()) {
            config.allowed_return_domains.push_back(base_host_port);
        }
    }
}

bool is_plain_path(std::string_view path) noexcept {
    return path.starts_with('/') && !path.ends_with('/') && path.find("//") == std::string_view::npos &&
           std::ranges::all_of(path, [](char c) { return c == '/' || encoding::kUnreserved.contains(c); });
}

void read_listener(ConfigReader &in, Config &config) {
    config.port = static_cast<uint16_t>(in.number("PORT", 1, 65535));
    config.listen = in.text("LISTEN");
    if (config.listen == "localhost" || !is_loopback_host(config.listen)) {
        in.refuse("LISTEN",
                  "must be a loopback address (127.0.0.1 or ::1): nexusd speaks plain HTTP, and the nginx in "
                  "front of it on this host is what faces the network; not " +
                      quoted(config.listen));
    }
    config.redirect_path = in.text("REDIRECT_PATH");
    if (!is_plain_path(config.redirect_path)) {
        in.refuse(
            "REDIRECT_PATH",
            "must be a path such as /oauth/callback: segments of letters, digits and -._~, each behind a "
            "slash; not " +
                quoted(config.redirect_path));
    }
}

/// 0, or what kept the file from being opened. holds  whether such a thing is in it
int look_for_pem(const std::string &path, std::string_view word, bool &holds) {
    errno = 0;
    std::ifstream file(path);
    const int problem = file.is_open() ? 0 : errno;
    std::string content(std::istreambuf_iterator<char>(file), {});
    const size_t begin = content.find("-----BEGIN ");
    holds = begin != std::string::npos && content.find(word, begin) != std::string::npos;
    wipe(content);
    return problem;
}

/// A file in PEM that a variable names; "" where it is refused. word  what has to be in it
std::string pem_file(ConfigReader &in, std::string_view name, std::string_view word) {
    std::string path = in.text(name);
    if (path.empty()) {
        return path;
    }
    bool holds = false;
    if (const int problem = look_for_pem(path, word, holds); problem != 0) {
        in.refuse(name, "names a file that cannot be read: " + unreadable(path, problem));
        return {};
    }
    if (!holds) {
        in.refuse(name,
                  "names a file that holds no " + encoding::to_lower_ascii(word) + " (PEM): " + quoted(path));
        return {};
    }
    return path;
}

DatabaseTls read_database_tls(ConfigReader &in) {
    DatabaseTls tls{in.flag("ENFORCE_DB_SSL"), in.text("DB_SSLMODE"),
                    pem_file(in, "DB_SSLROOTCERT", "CERTIFICATE")};
    constexpr std::string_view kModes[]{"",        "disable",   "allow",      "prefer",
                                        "require", "verify-ca", "verify-full"};
    if (std::ranges::find(kModes, tls.mode) == std::end(kModes)) {
        in.refuse(
            "DB_SSLMODE",
            "must be verify-full, verify-ca or require (disable, allow and prefer are for this host), not " +
                quoted(tls.mode));
        tls.mode.clear();
    }
    return tls;
}

void read_database(ConfigReader &in, Config &config) {
    Result<DatabaseTarget> database = parse_database_url(in.secret("DATABASE_URL"), read_database_tls(in));
    if (database) {
        config.database = std::move(*database);
    } else {
        in.refuse("DATABASE_URL", database.error().message);
    }
    config.database_pool = in.number("DATABASE_POOL", 1, 256);
}

void read_redis_tls(ConfigReader &in, RedisTls &tls) {
    tls.ca_file = pem_file(in, "REDIS_CA_FILE", "CERTIFICATE");
    tls.server_name = in.text("REDIS_SERVER_NAME");
    tls.certificate_file = pem_file(in, "REDIS_CERTIFICATE_FILE", "CERTIFICATE");
    tls.certificate_key_file = pem_file(in, "REDIS_CERTIFICATE_KEY_FILE", "PRIVATE KEY");
    if (!tls.server_name.empty() && !resp::is_host(tls.server_name)) {
        in.refuse("REDIS_SERVER_NAME", "must be a DNS name or an IP address");
        tls.server_name.clear();
    }
    if (tls.certificate_file.empty() != tls.certificate_key_file.empty()) {
        in.refuse("REDIS_CERTIFICATE_FILE", "and REDIS_CERTIFICATE_KEY_FILE belong together");
    }
    const bool is_wanted = !tls.ca_file.empty() || !tls.server_name.empty() || !tls.certificate_file.empty();
    if (is_wanted && !tls.is_on) {
        in.refuse("REDIS_URL",
                  "has no TLS, which REDIS_CA_FILE, REDIS_SERVER_NAME and REDIS_CERTIFICATE_FILE are "
                  "for: use rediss://, sentinels:// or clusters://");
    }
}

void read_redis(ConfigReader &in, Config &config) {
    Secret password = in.secret("REDIS_PASSWORD");
    RedisLogin sentinel_login{Secret(in.text("REDIS_SENTINEL_USERNAME")),
                              in.secret("REDIS_SENTINEL_PASSWORD")};
    Result<RedisTarget> redis = parse_redis_url(in.secret("REDIS_URL"));
    if (!redis) {
        in.refuse("REDIS_URL", redis.error().message);
        return;
    }
    config.redis = std::move(*redis);
    if (!password.empty() && !config.redis.login.password.empty()) {
        in.refuse("REDIS_PASSWORD", "and REDIS_URL both have a password: keep one");
    } else if (!password.empty()) {
        config.redis.login.password = std::move(password);
    }
    if (config.redis.login.password.empty() && !config.redis.login.username.empty()) {
        in.refuse("REDIS_URL", "has a user without a password: give it there or in REDIS_PASSWORD");
    }

    if (!sentinel_login.username.empty() && sentinel_login.password.empty()) {
        in.refuse("REDIS_SENTINEL_USERNAME", "needs REDIS_SENTINEL_PASSWORD");
    }
    if (!sentinel_login.password.empty() && config.redis.kind != resp::Url::Kind::kSentinel) {
        in.refuse("REDIS_SENTINEL_PASSWORD", "is for a REDIS_URL of sentinel:// or sentinels:// only");
    }
    config.redis.sentinel_login = std::move(sentinel_login);
    read_redis_tls(in, config.redis.tls);
}

void read_egress(ConfigReader &in, Config &config) {
    config.egress_allowed_cidrs = in.cidrs("EGRESS_ALLOWED_CIDRS");
    config.egress_ca_file = pem_file(in, "EGRESS_CA_FILE", "CERTIFICATE");
}

}  // namespace

tl::expected<Config, std::vector<ConfigProblem>> parse_config(const Environment &environment) {
    ConfigReader in(environment);
    Config config;

    std::string base_host_port;
    const std::string base_url = in.text("BASE_URL");
    if (base_url.empty()) {
        in.refuse("BASE_URL",
                  "is required: the public URL of this installation, such as https://nexus.example.com");
    } else if (Result<BaseUrl> parsed = parse_base_url(base_url); parsed) {
        config.base_url = parsed->text;
        base_host_port = parsed->host_port;
    } else {
        in.refuse("BASE_URL", parsed.error().message);
    }

    read_listener(in, config);
    read_database(in, config);
    read_redis(in, config);
    read_keys(in, config);
    read_control_keys(in, config);
    read_networks(in, config);
    read_return_domains(in, config, base_host_port);
    read_egress(in, config);
    config.audit_retention_days = in.number("AUDIT_RETENTION_DAYS", 0, 36500);
    config.worker_threads = in.number("WORKER_THREADS", 1, 1024);
    config.queue_limit = in.number("QUEUE_LIMIT", 1, 65536);
    config.max_connections = in.number("MAX_CONNECTIONS", 1, 65536);
    config.request_timeout_s = in.number("REQUEST_TIMEOUT_S", 1, 300);
    config.keepalive_timeout_s = in.number("KEEPALIVE_TIMEOUT_S", 1, 3600);
    config.shutdown_grace_s = in.number("SHUTDOWN_GRACE_S", 0, 600);
    config.refresh_journal_folder = in.text("REFRESH_JOURNAL_DIR");
    if (config.refresh_journal_folder.empty()) {
        const size_t slash = config.database.path.rfind('/');
        config.refresh_journal_folder =
            slash == std::string::npos ? "." : config.database.path.substr(0, std::max<size_t>(slash, 1));
    }
    config.oidc_mode = in.text("OIDC_MODE");
    if (config.oidc_mode != "verified" && config.oidc_mode != "opaque") {
        in.refuse("OIDC_MODE", "must be verified or opaque, not " + quoted(config.oidc_mode));
    }
    config.log_level = in.text("LOG_LEVEL");
    constexpr std::string_view kLevels[]{"debug", "info", "warn", "error", "off"};
    if (std::ranges::find(kLevels, config.log_level) == std::end(kLevels)) {
        in.refuse("LOG_LEVEL", "must be debug, info, warn, error or off, not " + quoted(config.log_level));
    }

    std::vector<ConfigProblem> problems = in.take_problems();
    if (!problems.empty()) {
        return tl::unexpected(std::move(problems));
    }
    return config;
}

}  // namespace nexus::control
