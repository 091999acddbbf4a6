// Servers as other servers announce them: bounded and checked, but neither resolved nor trusted.
#pragma once

#include <hiredis/hiredis.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nexus::resp {

struct HostPort {
    std::string host;  // an IP literal or a name; empty: the host of whoever said it
    uint16_t port = 0;

    auto operator<=>(const HostPort &) const = default;
};

/// A DNS name or an IP literal: letters, digits, ".-_:", at most 253 characters. Goes into log lines.
bool is_host(std::string_view text) noexcept;

/// A port as peers write it: 1 to 65535, digits only.
std::optional<uint16_t> parse_port(std::string_view text) noexcept;

/// "host:port"; the host may be empty or an IPv6 literal without brackets, as Redis writes it.
std::optional<HostPort> parse_host_port(std::string_view text);

/// The bytes of a string reply; empty for anything else.
std::string_view text_of(const redisReply &reply) noexcept;
/// The same of an error reply.
std::string_view error_of(const redisReply &reply) noexcept;

}  // namespace nexus::resp
