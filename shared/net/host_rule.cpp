// Rules are compared as names, never resolved: what an address may be is private_address.cpp's question.
#include "shared/net/host_rule.h"

#include <arpa/inet.h>
#include <cstring>
#include <optional>

#include "shared/encoding/hex.h"
#include "shared/http1/syntax.h"
#include "shared/net/ascii_host.h"
#include "shared/net/ip_literal.h"

namespace nexus::net {

namespace {

/// The two parts of `host`, `host:port`, `[v6]`, `[v6]:port` or a bare `v6`; nullopt if it is none of these.
struct RuleParts {
    std::string_view host;  // brackets removed
    unsigned port = 0;      // 0 = any
    bool is_v6 = false;
};

std::optional<RuleParts> split_port(std::string_view host, std::string_view port, bool is_v6) noexcept {
    const std::optional<unsigned> number = parse_port(port);
    if (!number) {
        return std::nullopt;
    }
    return RuleParts{host, *number, is_v6};
}

std::optional<RuleParts> split(std::string_view text) noexcept {
    if (text.starts_with('[')) {
        const size_t end = text.find(']');
        if (end == std::string_view::npos) {
            return std::nullopt;
        }
        const std::string_view host = text.substr(1, end - 1);
        const std::string_view behind = text.substr(end + 1);
        if (behind.empty()) {
            return RuleParts{host, 0, true};
        }
        return behind.front() == ':' ? split_port(host, behind.substr(1), true) : std::nullopt;
    }

    const size_t colon = text.find(':');
    if (colon == std::string_view::npos) {
        return RuleParts{text, 0, false};
    }
    if (text.find(':', colon + 1) != std::string_view::npos) {
        return RuleParts{text, 0, true};
    }
    return split_port(text.substr(0, colon), text.substr(colon + 1), false);
}

std::optional<in6_addr> parse_v6(std::string_view text) noexcept {
    char buffer[INET6_ADDRSTRLEN];
    if (text.empty() || text.size() >= sizeof(buffer) || text.find('\0') != std::string_view::npos) {
        return std::nullopt;
    }
    std::memcpy(buffer, text.data(), text.size());
    buffer[text.size()] = '\0';
    in6_addr address;
    if (inet_pton(AF_INET6, buffer, &address) != 1) {
        return std::nullopt;
    }
    return address;
}

bool is_dotted_quad(std::string_view host) noexcept {
    const std::optional<IpLiteral> literal = IpLiteral::parse(host);
    return literal && literal->address()->sa_family == AF_INET;
}

bool same_v6(std::string_view a, std::string_view b) noexcept {
    const std::optional<in6_addr> x = parse_v6(a);
    const std::optional<in6_addr> y = parse_v6(b);
    return x && y && std::memcmp(&*x, &*y, sizeof(in6_addr)) == 0;
}

/// Does ".suffix" end the name, with at least one label in front of it?
bool is_below(std::string_view host, std::string_view dot_suffix) noexcept {
    return host.size() > dot_suffix.size() && !ends_in_number(host) &&
           http1::equal_ignoring_case(host.substr(host.size() - dot_suffix.size()), dot_suffix);
}

}  // namespace

bool host_rule_matches(std::string_view rule, std::string_view host, uint16_t port) noexcept {
    const std::optional<RuleParts> parts = split(rule);
    if (!parts || (parts->port != 0 && parts->port != port)) {
        return false;
    }

    host = without_brackets(host);
    if (parts->is_v6 || host.find(':') != std::string_view::npos) {
        return parts->is_v6 && same_v6(parts->host, host);
    }

    host = without_trailing_dot(host);
    std::string_view wanted = without_trailing_dot(parts->host);
    if (wanted.starts_with("*.")) {
        wanted.remove_prefix(1);
        return is_host_name(host) && is_host_name(wanted.substr(1)) && is_below(host, wanted);
    }
    return http1::equal_ignoring_case(host, wanted) && is_host_name(host);
}

std::string in_brackets(std::string_view host) {
    const bool is_v6 = host.find(':') != std::string_view::npos;
    return is_v6 ? "[" + std::string(host) + "]" : std::string(host);
}

std::string_view without_brackets(std::string_view host) noexcept {
    return host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
}

Result<HostPort> parse_host_port(std::string_view text) {
    const std::optional<RuleParts> parts = split(text);
    if (!parts) {
        return fail(Errc::kInvalidRequest, "not a host or host:port");
    }
    const auto port = static_cast<uint16_t>(parts->port);

    if (parts->is_v6) {
        const std::optional<in6_addr> address = parse_v6(parts->host);
        char canonical[INET6_ADDRSTRLEN];
        if (!text.starts_with('[') || !address ||
            inet_ntop(AF_INET6, &*address, canonical, sizeof(canonical)) == nullptr) {
            return fail(Errc::kInvalidRequest, "not an IPv6 address in brackets");
        }
        return HostPort{canonical, port};
    }

    const std::string_view host = without_trailing_dot(parts->host);
    if (!is_host_name(host)) {
        return fail(Errc::kInvalidRequest, "not a host name");
    }
    // Resolvers and browsers read any name that ends in a number as an IPv4 address (WHATWG URL section 3.5).
    if (ends_in_number(host) && !is_dotted_quad(host)) {
        return fail(Errc::kInvalidRequest, "not an IPv4 address in dotted decimal");
    }
    return HostPort{encoding::to_lower_ascii(host), port};
}

}  // namespace nexus::net
