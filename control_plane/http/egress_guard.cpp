// Addresses by the deny list of shared/net, URLs by the url/ room.
#include "control_plane/http/egress_guard.h"

#include <algorithm>
#include <optional>

#include "shared/net/ip_literal.h"

namespace nexus::control {

namespace {

// Never left to DNS (RFC 6761 section 6.3).
bool is_localhost_name(std::string_view host) noexcept {
    return host == "localhost" || host.ends_with(".localhost");
}

}  // namespace

bool EgressGuard::allows(const sockaddr *address, bool is_plain) const noexcept {
    if (address->sa_family != AF_INET && address->sa_family != AF_INET6) {
        return false;
    }
    const bool is_named =
        std::ranges::any_of(allowed_, [&](const net::Cidr &network) { return network.contains(address); });
    return is_named || (!is_plain && !net::is_private_address(address));
}

bool EgressGuard::allows_literal(std::string_view host, bool is_plain) const noexcept {
    if (is_localhost_name(host)) {
        return allows_literal("127.0.0.1", is_plain) || allows_literal("::1", is_plain);
    }
    const std::optional<net::IpLiteral> literal = net::IpLiteral::parse(host);
    return !literal || allows(literal->address(), is_plain);
}

Result<Url> EgressGuard::check_url(std::string_view url, std::string_view what) const {
    Result<Url> parsed = parse_http_url(url, what);
    if (!parsed) {
        return parsed;
    }
    const std::string name{what};
    if (url.find('#') != std::string_view::npos) {
        return fail(Errc::kInvalidRequest, name + " must not have a fragment", name);
    }
    const bool is_plain = parsed->scheme == "http";
    if (is_plain && allowed_.empty()) {
        return fail(Errc::kEgressDenied,
                    name + " must be https: http is for networks that EGRESS_ALLOWED_CIDRS names", name);
    }
    if (!allows_literal(parsed->host, is_plain)) {
        return fail(Errc::kEgressDenied,
                    name + " leads to an address that EGRESS_ALLOWED_CIDRS does not allow", name);
    }
    return parsed;
}

}  // namespace nexus::control
