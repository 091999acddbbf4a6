// Which addresses outgoing requests may reach: anything public, and what EGRESS_ALLOWED_CIDRS names.
#pragma once

#include <sys/socket.h>
#include <string>
#include <string_view>
#include <vector>

#include "shared/net/host_rule.h"

namespace nexus::control {

class EgressGuard {
public:
    explicit EgressGuard(std::vector<net::Cidr> allowed_private) : allowed_(std::move(allowed_private)) {}

    /// May a connection to this address be opened?
    /// is_plain  over http: only to addresses that the operator named
    bool allows(const sockaddr *address, bool is_plain) const noexcept;

private:
    std::vector<net::Cidr> allowed_;
};

/// Is the URL one that may be asked at all: absolute http(s), a host, no user info, no fragment, no control
/// characters? is_plain is set for http.
bool is_sane_url(const std::string &url, bool &is_plain);

}  // namespace nexus::control
