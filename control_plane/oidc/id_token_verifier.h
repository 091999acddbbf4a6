// Verifies id_tokens with the pinned issuer's current keys: joins discovery.h and id_token.h, counts and
// logs.
#pragma once

#include <string>
#include <string_view>

#include "control_plane/oidc/discovery.h"
#include "control_plane/oidc/id_token.h"

namespace nexus::control {

class IdTokenVerifier {
public:
    IdTokenVerifier(Discovery &discovery, Clock clock, Metrics *metrics)
        : discovery_(discovery), clock_(std::move(clock)), metrics_(metrics) {}

    /// token          "" = the provider sent none, which is refused too
    /// source         of the pinned issuer's keys
    /// expected       its `now` is filled in
    /// connection_id  for the log
    /// errors         kInvalidIdToken, its detail a code of IdTokenRefusal
    Result<IdClaims> verify(std::string_view token, const IssuerSource &source, IdTokenExpectation expected,
                            std::string_view connection_id) const;

private:
    Result<IdClaims> verify_with_current_keys(std::string_view token, const IssuerSource &source,
                                              const IdTokenExpectation &expected) const;

    Discovery &discovery_;
    Clock clock_;
    Metrics *metrics_;
};

}  // namespace nexus::control
