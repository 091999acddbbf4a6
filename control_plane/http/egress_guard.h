// Which addresses outgoing requests may reach: anything public, and what EGRESS_ALLOWED_CIDRS names.
#pragma once

#include <sys/socket.h>
#include <string>
#include <string_view>
#include <vector>

#include "control_plane/url/url.h"
#include "shared/net/host_rule.h"

namespace nexus::control {

class EgressGuard {
public:
    explicit EgressGuard(std::vector<net::Cidr> allowed_private) : allowed_(std::move(allowed_private)) {}

    /// May a connection to this address be opened?
    /// is_plain  over http: only to addresses that the operator named
    bool allows(const sockaddr *address, bool is_plain) const noexcept;

    /// What can be said of a URL without asking DNS, for profiles as they are registered; the address is
    /// judged again where the connection is opened. what    the URL's name in the error: "token_url" errors
    /// kInvalidRequest  no URL that may be asked (parse_http_url, or it has a fragment)
    ///         kEgressDenied    its host is an address, or localhost, that may not be reached; http, and no
    ///         network
    ///                          is named
    Result<Url> check_url(std::string_view url, std::string_view what) const;

private:
    bool allows_literal(std::string_view host, bool is_plain) const noexcept;

    std::vector<net::Cidr> allowed_;
};

}  // namespace nexus::control
