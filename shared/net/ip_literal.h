// An IP address written as text (no brackets, no port), as the socket address that rules are asked about.
#pragma once

#include <sys/socket.h>
#include <optional>
#include <string_view>

namespace nexus::net {

class IpLiteral {
public:
    /// Dotted-quad IPv4 or IPv6 (RFC 4291 section 2.2); nullopt for anything else, names included.
    static std::optional<IpLiteral> parse(std::string_view text) noexcept;

    const sockaddr *address() const noexcept { return reinterpret_cast<const sockaddr *>(&storage_); }

private:
    sockaddr_storage storage_{};
};

}  // namespace nexus::net
