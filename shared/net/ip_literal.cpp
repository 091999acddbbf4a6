// inet_pton decides what an address is.
#include "shared/net/ip_literal.h"

#include <arpa/inet.h>
#include <cstring>

namespace nexus::net {

std::optional<IpLiteral> IpLiteral::parse(std::string_view text) noexcept {
    char buffer[INET6_ADDRSTRLEN];
    if (text.empty() || text.size() >= sizeof(buffer) || text.find('\0') != std::string_view::npos) {
        return std::nullopt;
    }
    text.copy(buffer, text.size());
    buffer[text.size()] = '\0';

    IpLiteral literal;
    auto *v4 = reinterpret_cast<sockaddr_in *>(&literal.storage_);
    auto *v6 = reinterpret_cast<sockaddr_in6 *>(&literal.storage_);
    if (inet_pton(AF_INET, buffer, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        return literal;
    }
    literal.storage_ = {};
    if (inet_pton(AF_INET6, buffer, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        return literal;
    }
    return std::nullopt;
}

}  // namespace nexus::net
