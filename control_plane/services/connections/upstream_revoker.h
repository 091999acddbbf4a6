// Tells a provider that a grant is over (RFC 7009): the refresh token first, then the access token. Best
// effort and bounded in time; what is revoked here stays revoked whatever the provider says.
#pragma once

#include <string_view>

#include "control_plane/oauth/stored_credentials.h"
#include "control_plane/oauth/token_endpoint.h"
#include "control_plane/store/provider_repository.h"

namespace nexus::control {

enum class UpstreamRevocation : uint8_t {
    kUnsupported,  // static credential, or a provider without a revocation endpoint
    kDone,
    kFailed,
};
std::string_view to_string(UpstreamRevocation outcome) noexcept;

class UpstreamRevoker {
public:
    UpstreamRevoker(const Vault &vault, Discovery &discovery, TokenEndpoint endpoint)
        : vault_(vault), discovery_(discovery), endpoint_(std::move(endpoint)) {}

    /// credentials  nullptr: there were some, and they cannot be opened
    UpstreamRevocation revoke(const store::Provider &provider, const store::Connection &connection,
                              const StoredCredentials *credentials) const;

private:
    const Vault &vault_;
    Discovery &discovery_;
    TokenEndpoint endpoint_;
};

}  // namespace nexus::control
