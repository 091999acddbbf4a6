// Where a credential may go: host rules of the record and of `nexus_allow_hosts`, and addresses that are
// private unless `nexus_allow_private` names them. Fails closed. What is put on the request is inject.cpp's
// business.
#pragma once

#include <sys/socket.h>
#include <string>
#include <string_view>
#include <vector>

#include "shared/net/host_rule.h"
#include "shared/record/token_record.h"

namespace nexus::edge {

/// nexus_allow_hosts
struct HostRules {
    std::vector<std::string> rules;
};

/// nexus_allow_private
struct PrivateNetworks {
    std::vector<net::Cidr> networks;
    bool unix_sockets = false;  // the word `unix:`
};

/// scheme://host[:port][/path] of a provider's API, without a trailing slash. An empty `text` means: the
/// record's value cannot be used as one (user info, query, fragment, blank, other scheme).
struct BaseUrl {
    std::string_view text;
    std::string_view host_port;
};
BaseUrl parse_base_url(std::string_view url) noexcept;

/// May a credential of `record` be sent to host:port? Covered are the record's allowed_hosts, the host of its
/// api_base_url (at its port, or the scheme's usual one), and `extra`. port 0: not known (an upstream block's
/// name).
bool is_host_allowed(const record::TokenView &record, const HostRules *extra, std::string_view host,
                     uint16_t port);

/// May a credential be sent to this address? Private ones only where `allowed` names them.
bool is_address_allowed(const PrivateNetworks *allowed, const sockaddr *address) noexcept;

/// Is the address named in nexus_allow_private (where clear text is acceptable)?
bool is_named_private(const PrivateNetworks *allowed, const sockaddr *address) noexcept;

}  // namespace nexus::edge
