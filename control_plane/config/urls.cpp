// Reading the configuration's URLs, apart from PostgreSQL's and Redis': see urls.h.
#include "control_plane/config/urls.h"

#include <arpa/inet.h>
#include <netinet/in.h>

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

Result<net::HostPort> parse_authority(std::string_view text) {
    Result<net::HostPort> parsed = net::parse_host_port(text);
    if (!parsed || parsed->host.empty()) {
        return refuse("has no valid HOST[:PORT]");
    }
    return parsed;
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

}  // namespace nexus::control
