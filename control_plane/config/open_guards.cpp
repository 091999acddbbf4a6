// What a configuration turns off, or opens to everybody: allowed, but not without a word at each start.
#include <algorithm>

#include "control_plane/config/config.h"
#include "control_plane/config/urls.h"
#include "shared/net/ip_literal.h"

namespace nexus::control {

namespace {

/// Does one of them cover both ends of the public Internet, in IPv4 or IPv6?
bool is_everything(const std::vector<net::Cidr> &networks) {
    constexpr std::string_view kEnds[][2] = {{"1.1.1.1", "223.5.5.5"}, {"2001:200::1", "2c0f:ffff::1"}};
    return std::ranges::any_of(networks, [&](const net::Cidr &network) {
        return std::ranges::any_of(kEnds, [&](const auto &ends) {
            return network.contains(net::IpLiteral::parse(ends[0])->address()) &&
                   network.contains(net::IpLiteral::parse(ends[1])->address());
        });
    });
}

bool is_elsewhere(const RedisTarget &redis) {
    return redis.unix_path.empty() && !std::ranges::all_of(redis.servers, [](const resp::HostPort &server) {
               return is_loopback_host(server.host);
           });
}

}  // namespace

std::vector<OpenGuard> open_guards(const Config &config) {
    std::vector<OpenGuard> found;
    if (!config.networks.is_on()) {
        found.push_back({"REQUIRE_ALLOWLIST", "control-plane keys are good from every address"});
    }
    if (is_everything(config.trusted_proxies)) {
        found.push_back({"TRUSTED_PROXIES", "every client may say what its address is"});
    }
    if (is_everything(config.egress_allowed_cidrs)) {
        found.push_back(
            {"EGRESS_ALLOWED_CIDRS", "whoever may register a provider can reach every private address"});
    }
    const bool has_password =
        !config.redis.login.password.empty() || !config.redis.sentinel_login.password.empty();
    if (has_password && !config.redis.tls.is_on && is_elsewhere(config.redis)) {
        found.push_back({"REDIS_URL", "the password for Redis is sent in clear text, to another host"});
    }
    return found;
}

}  // namespace nexus::control
