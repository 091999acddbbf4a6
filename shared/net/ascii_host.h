// Host names and IP literals as text, for host rules. For .cpp files of this folder only.
#pragma once

#include <optional>
#include <string_view>

namespace nexus::net {

/// `host` without its one trailing dot: "example.com." is "example.com" (RFC 1034 section 3.1).
std::string_view without_trailing_dot(std::string_view host) noexcept;

/// Letters, digits, "-" and "_" in dot-separated labels that are not empty, at most 253 characters in all.
bool is_host_name(std::string_view host) noexcept;

/// Does the name end in a number, as every text form of an IPv4 address does (127.0.0.1, 127.1, 0x7f000001)?
bool ends_in_number(std::string_view host) noexcept;

/// Digits only, 1..65535.
std::optional<unsigned> parse_port(std::string_view text) noexcept;

}  // namespace nexus::net
