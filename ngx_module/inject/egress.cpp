// Rules for destinations; pure, so that tests need no nginx.
#include "ngx_module/inject/egress.h"

#include <algorithm>

#include "shared/encoding/character_set.h"

namespace nexus::edge {

namespace {

/// RFC 3986 section 2, without what begins a query, a fragment or follows user info.
constexpr encoding::CharacterSet kBaseUrl{
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/[]!$&'()*+,;=%"};

}  // namespace

BaseUrl parse_base_url(std::string_view url) noexcept {
    const size_t scheme = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
    if (scheme == 0 || !kBaseUrl.covers(url)) {
        return {};
    }

    while (url.size() > scheme && url.back() == '/') {
        url.remove_suffix(1);
    }
    const std::string_view rest = url.substr(scheme);
    const std::string_view host_port = rest.substr(0, rest.find('/'));
    if (host_port.empty() || host_port.front() == ':') {
        return {};
    }
    return {url, host_port};
}

bool is_host_allowed(const record::TokenView &record, const HostRules *extra, std::string_view host,
                     uint16_t port) {
    const std::string_view base = parse_base_url(record.api_base_url()).host_port;
    const uint16_t usual_port = record.api_base_url().starts_with("https://") ? 443 : 80;
    const bool base_has_port = base.find(':', base.rfind(']') + 1) != std::string_view::npos;
    if (!base.empty() && (base_has_port || port == 0 || port == usual_port) &&
        net::host_rule_matches(base, host, port)) {
        return true;
    }
    for (size_t i = 0; i < record.allowed_host_count(); ++i) {
        if (net::host_rule_matches(record.allowed_host_at(i), host, port)) {
            return true;
        }
    }
    return extra != nullptr &&
           std::any_of(extra->rules.begin(), extra->rules.end(),
                       [&](const std::string &rule) { return net::host_rule_matches(rule, host, port); });
}

bool is_named_private(const PrivateNetworks *allowed, const sockaddr *address) noexcept {
    if (allowed == nullptr) {
        return false;
    }
    if (address->sa_family == AF_UNIX) {
        return allowed->unix_sockets;
    }
    return std::any_of(allowed->networks.begin(), allowed->networks.end(),
                       [&](const net::Cidr &network) { return network.contains(address); });
}

bool is_address_allowed(const PrivateNetworks *allowed, const sockaddr *address) noexcept {
    if (address->sa_family == AF_UNIX) {
        return is_named_private(allowed, address);
    }
    return !net::is_private_address(address) || is_named_private(allowed, address);
}

}  // namespace nexus::edge
