// Whose request it is: see client_address.h.
#include "control_plane/server/client_address.h"

#include <algorithm>
#include <vector>

#include "shared/net/ip_literal.h"

namespace nexus::control {

namespace {

constexpr size_t kMaxHops = 32;

std::string_view trimmed(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t");
    return first == std::string_view::npos ? std::string_view{}
                                           : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_trusted(std::string_view ip, std::span<const net::Cidr> proxies) {
    const std::optional<net::IpLiteral> literal = net::IpLiteral::parse(ip);
    return literal && std::any_of(proxies.begin(), proxies.end(),
                                  [&](const net::Cidr &cidr) { return cidr.contains(literal->address()); });
}

// Elements of all lines of X-Forwarded-For, nearest hop first.
std::vector<std::string_view> forwarded_for(const Request &request) {
    std::vector<std::string_view> hops;
    for (auto header = request.headers.rbegin(); header != request.headers.rend(); ++header) {
        if (header->first != "x-forwarded-for") {
            continue;
        }
        std::string_view rest = header->second;
        while (hops.size() <= kMaxHops) {
            const size_t comma = rest.rfind(',');
            hops.push_back(trimmed(comma == std::string_view::npos ? rest : rest.substr(comma + 1)));
            if (comma == std::string_view::npos) {
                break;
            }
            rest = rest.substr(0, comma);
        }
    }
    return hops;
}

}  // namespace

std::string client_address(const Request &request, std::string_view peer_ip,
                           std::span<const net::Cidr> trusted_proxies) {
    if (!is_trusted(peer_ip, trusted_proxies)) {
        return std::string{peer_ip};
    }
    std::string_view client = peer_ip;
    if (const size_t told = request.header_count("x-real-ip"); told > 0) {
        client = request.header("x-real-ip");
        if (told > 1 || !net::IpLiteral::parse(client)) {
            return {};
        }
        if (!is_trusted(client, trusted_proxies)) {
            return std::string{client};
        }
    }
    const std::vector<std::string_view> hops = forwarded_for(request);
    if (hops.size() > kMaxHops || (hops.size() == 1 && hops.front().empty())) {
        return hops.size() > kMaxHops ? std::string{} : std::string{client};  // an empty header says nothing
    }
    for (std::string_view hop : hops) {
        if (!net::IpLiteral::parse(hop)) {
            return {};
        }
        client = hop;
        if (!is_trusted(hop, trusted_proxies)) {
            break;
        }
    }
    return std::string{client};
}

}  // namespace nexus::control
