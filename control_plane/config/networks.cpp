// Allowlists by group of routes: the one table of groups and their variables.
#include <algorithm>
#include <array>

#include "control_plane/config/config.h"
#include "shared/net/ip_literal.h"

namespace nexus::control {

namespace {

struct Group {
    std::string_view name;
    std::string_view variable;
};

constexpr std::array<Group, kNetworkCount> kGroups{{
    {"control", "ALLOWED_CIDRS"},
    {"tokens", "ALLOWED_CIDRS_TOKENS"},
    {"edge", "ALLOWED_CIDRS_EDGE"},
    {"admin", "ALLOWED_CIDRS_ADMIN"},
    {"metrics", "ALLOWED_CIDRS_METRICS"},
}};

}  // namespace

std::string_view to_string(Network network) noexcept {
    return kGroups[static_cast<size_t>(network)].name;
}

std::string_view variable_of(Network network) noexcept {
    return kGroups[static_cast<size_t>(network)].variable;
}

bool NetworkRules::allow(Network network, std::string_view ip) const {
    if (!is_on_) {
        return true;
    }
    const std::optional<net::IpLiteral> literal = net::IpLiteral::parse(ip);
    const std::vector<net::Cidr> &cidrs = cidrs_[static_cast<size_t>(network)];
    return literal && std::any_of(cidrs.begin(), cidrs.end(),
                                  [&](const net::Cidr &cidr) { return cidr.contains(literal->address()); });
}

}  // namespace nexus::control
