// Reading the configuration's URLs, apart from PostgreSQL's: see urls.h.
#include "control_plane/config/urls.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <charconv>

#include "shared/encoding/hex.h"

namespace nexus::control {

namespace {

tl::unexpected<Error> refuse(std::string sentence) {
    return fail(Errc::kInvalidRequest, std::move(sentence));
}

bool take_prefix(std::string_view &text, std::string_view prefix) noexcept {
    if (!text.starts_with(prefix)) {
        return false;
    }
    text.remove_prefix(prefix.size());
    return true;
}

bool is_plain(std::string_view text) noexcept {
    for (const char c : text) {
        if (c <= ' ' || c == 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' || c == '`') {
            return false;
        }
    }
    return true;
}

Result<Secret> unescape(std::string_view text) {
    Secret plain = Secret::zeroed(text.size());
    size_t size = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            Result<std::string> byte = encoding::hex_decode(text.substr(i + 1, 2));
            if (!byte || byte->size() != 1) {
                return refuse("has a % that is not followed by two hexadecimal digits");
            }
            c = byte->front();
            i += 2;
        }
        plain.data()[size++] = c;
    }
    return Secret(plain.view().substr(0, size));
}

Result<net::HostPort> parse_authority(std::string_view text) {
    Result<net::HostPort> parsed = net::parse_host_port(text);
    if (!parsed || parsed->host.empty()) {
        return refuse("has no valid HOST[:PORT]");
    }
    return parsed;
}

Result<int> parse_redis_database(std::string_view text) {
    int number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc() || end != text.data() + text.size() || number < 0 || number > 1023) {
        return refuse("has a database number that is not 0 to 1023");
    }
    return number;
}

Result<void> parse_redis_userinfo(std::string_view userinfo, RedisTarget &target) {
    const size_t colon = userinfo.find(':');
    Result<Secret> username = unescape(userinfo.substr(0, colon));
    Result<Secret> password =
        unescape(colon == std::string_view::npos ? std::string_view() : userinfo.substr(colon + 1));
    if (!username || !password) {
        return fail(username ? password.error() : username.error());
    }
    target.username = std::move(*username);
    target.password = std::move(*password);
    return {};
}

}  // namespace

bool is_loopback_host(std::string_view host) noexcept {
    if (host == "localhost" || host == "::1" || host == "[::1]") {
        return true;
    }
    char text[INET_ADDRSTRLEN] = {};
    if (host.size() >= sizeof text) {
        return false;
    }
    host.copy(text, sizeof text - 1);
    in_addr address{};
    return inet_pton(AF_INET, text, &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

Result<ReturnRule> parse_return_rule(std::string_view text) {
    ReturnRule rule;
    if (const size_t colon = text.find("://"); colon != std::string_view::npos) {
        rule.scheme = encoding::to_lower_ascii(text.substr(0, colon));
        text.remove_prefix(colon + 3);
        if (rule.scheme != "http" && rule.scheme != "https") {
            return refuse("must not have another scheme than https or http");
        }
    }
    rule.host = text;
    if (text.starts_with("*.")) {
        text.remove_prefix(2);
    }
    const Result<net::HostPort> parsed = net::parse_host_port(text);
    if (!parsed) {
        return refuse("is not HOST, HOST:PORT or *.SUFFIX");
    }
    rule.port = parsed->port;
    return rule;
}

Result<BaseUrl> parse_base_url(std::string_view text) {
    std::string_view rest = text;
    const bool is_https = take_prefix(rest, "https://");
    if (!is_https && !take_prefix(rest, "http://")) {
        return refuse("must start with https:// (or http:// on loopback)");
    }
    if (!is_plain(text) || rest.find_first_of("?#@") != std::string_view::npos) {
        return refuse("must be scheme, host, port and path only");
    }

    const std::string_view authority = rest.substr(0, rest.find('/'));
    Result<net::HostPort> parsed = parse_authority(authority);
    if (!parsed) {
        return fail(parsed.error());
    }
    if (!is_https && !is_loopback_host(parsed->host)) {
        return refuse("must be https, because " + parsed->host + " is not loopback");
    }
    while (text.ends_with('/')) {
        text.remove_suffix(1);
    }
    return BaseUrl{std::string(text), std::string(authority)};
}

Result<DatabaseTarget> parse_database_url(const Secret &text, const DatabaseTls &tls) {
    std::string_view rest = text.view();
    if (rest.starts_with("postgresql://") || rest.starts_with("postgres://")) {
        return parse_postgres_url(text, tls);
    }
    if (!take_prefix(rest, "sqlite:")) {
        return refuse("must be sqlite:PATH or postgresql://...");
    }
    take_prefix(rest, "//");
    if (rest.empty() || rest.starts_with(":memory:") || rest.starts_with("file:") ||
        rest.find('\0') != std::string_view::npos) {
        return refuse("must name a file after sqlite:");
    }
    DatabaseTarget target;
    target.path = std::string(rest);
    return target;
}

Result<RedisTarget> parse_redis_url(const Secret &text) {
    std::string_view rest = text.view();
    RedisTarget target;
    if (take_prefix(rest, "unix:")) {
        take_prefix(rest, "//");
        const size_t query = rest.find('?');
        target.unix_path = std::string(rest.substr(0, query));
        if (target.unix_path.empty() || target.unix_path.front() != '/') {
            return refuse("must give an absolute path after unix:");
        }
        if (query != std::string_view::npos) {
            std::string_view number = rest.substr(query + 1);
            if (!take_prefix(number, "db=")) {
                return refuse("may have ?db=N behind the path, nothing else");
            }
            Result<int> database = parse_redis_database(number);
            if (!database) {
                return fail(database.error());
            }
            target.database = *database;
        }
        return target;
    }

    if (rest.starts_with("rediss://")) {
        return refuse(
            "asks for TLS, which nexusd does not speak to Redis yet: use a Unix socket, or loopback with a "
            "TLS tunnel");
    }
    if (!take_prefix(rest, "redis://")) {
        return refuse("must be redis://... or unix:/PATH");
    }
    if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
        if (Result<void> taken = parse_redis_userinfo(rest.substr(0, at), target); !taken) {
            return fail(taken.error());
        }
        rest.remove_prefix(at + 1);
    }
    const size_t slash = rest.find('/');
    Result<net::HostPort> authority = parse_authority(rest.substr(0, slash));
    if (!authority) {
        return fail(authority.error());
    }
    target.host = authority->host;
    target.port = authority->port != 0 ? authority->port : uint16_t{6379};
    if (slash != std::string_view::npos && slash + 1 < rest.size()) {
        Result<int> database = parse_redis_database(rest.substr(slash + 1));
        if (!database) {
            return fail(database.error());
        }
        target.database = *database;
    }
    return target;
}

std::string RedisTarget::describe() const {
    if (!unix_path.empty()) {
        return "unix:" + unix_path;
    }
    return "redis://" + host + ":" + std::to_string(port) + "/" + std::to_string(database);
}

}  // namespace nexus::control
