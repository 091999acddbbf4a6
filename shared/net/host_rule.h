// Where a credential may go: host rules of a record or a location, and addresses that are private by default.
#pragma once

#include <sys/socket.h>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/result.h"

namespace nexus::net {

/// Does `rule` (host, host:port, [v6]:port or *.suffix; ASCII, any case) cover host and port?
/// A rule without a port covers every port. "*.example.com" covers a.example.com and a.b.example.com, not
/// example.com. IP literals match only exactly. A trailing dot of a name counts for nothing. A malformed rule
/// or host matches nothing.
bool host_rule_matches(std::string_view rule, std::string_view host, uint16_t port) noexcept;

/// A host as URLs write it: an IPv6 address in brackets; and the reverse of it.
std::string in_brackets(std::string_view host);
std::string_view without_brackets(std::string_view host) noexcept;

/// Splits `host[:port]`: a name comes back in lower case without a trailing dot, an IPv6 address (only in
/// brackets) canonical and without them; of IPv4 only dotted decimal is taken. errors kInvalidRequest
struct HostPort {
    std::string host;
    uint16_t port = 0;  // 0 = not given
};
Result<HostPort> parse_host_port(std::string_view text);

/// A network in CIDR form, IPv4 or IPv6.
class Cidr {
public:
    /// "10.0.0.0/8", "::1/128", "127.0.0.1" (= /32). errors kInvalidRequest
    static Result<Cidr> parse(std::string_view text);
    bool has_host_bits() const noexcept;  // "10.0.0.1/8": behind the prefix, where they mean nothing
    bool contains(const sockaddr *address) const noexcept;  // IPv4-mapped IPv6 is seen as IPv4

private:
    unsigned char bytes_[16] = {};
    int family_ = 0;
    int prefix_ = 0;
};

/// Comma or blank separated. errors kInvalidRequest, naming the entry
Result<std::vector<Cidr>> parse_cidr_list(std::string_view text);

/// Is the address one that the outside world cannot mean: loopback, private, link-local (cloud metadata),
/// unique local, CGNAT, multicast, unspecified, documentation, 6to4/NAT64 forms of these?
bool is_private_address(const sockaddr *address) noexcept;

}  // namespace nexus::net
