// Verifies id_tokens with the pinned issuer's current keys: joins discovery.h and id_token.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "control_plane/oidc/discovery.h"
#include "control_plane/oidc/id_token.h"

namespace nexus::control {

class IdTokenVerifier {
public:
    IdTokenVerifier(Discovery &discovery, Clock clock, Metrics *metrics)
        : discovery_(discovery), clock_(std::move(clock)), metrics_(metrics) {}

    /// nonce   what the authorization request sent; nullopt on refresh (OpenID Connect Core section 12.2)
    /// errors  kInvalidIdToken; as Discovery::keys
    Result<IdClaims> verify(std::string_view token, const std::string &issuer, const std::string &client_id,
                            const std::optional<std::string> &nonce) const;

private:
    Discovery &discovery_;
    Clock clock_;
    Metrics *metrics_;
};

}  // namespace nexus::control
