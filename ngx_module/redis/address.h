// Where one server listens, ready to be connected to: names have been resolved before.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nexus::edge::redis {

struct Address {
    sockaddr_storage sockaddr{};
    socklen_t size = 0;
    std::string text;  // 10.0.0.1:6379, [::1]:6379 or unix:/path: for logs, and to tell servers apart
    std::string host;  // the name or address that it goes by, which its certificate must hold

    bool operator==(const Address &other) const noexcept { return text == other.text; }
};

/// An IPv4 or IPv6 literal with a port. nullopt: `ip` is something else (a name), or the port is 0
std::optional<Address> make_address(std::string_view ip, uint16_t port);

}  // namespace nexus::edge::redis
