// A provider's published signing keys (RFC 7517), and which of them must have signed. Fetching and caching is
// discovery.h's business.
#pragma once

#include <string_view>
#include <vector>

#include "control_plane/oidc/id_token_refusal.h"
#include "control_plane/oidc/jwk.h"
#include "control_plane/oidc/signature_algorithm.h"
#include "shared/result.h"

namespace nexus::control {

class JwkSet {
public:
    /// text  a JWK Set; the first kMaxKeys of its keys are looked at
    /// errors kProviderError: no JSON object with a "keys" array, or one with a member twice
    static Result<JwkSet> parse(std::string_view text);

    /// Is there a key of this name, usable or not?
    bool has_kid(std::string_view kid) const noexcept;
    /// The key that must have signed: of those with this kid, or of all where the token has none (OpenID
    /// Connect Core section 10.1), the only one that fits.
    tl::expected<const Jwk *, IdTokenRefusal> choose(std::string_view kid,
                                                     const SignatureAlgorithm &algorithm) const noexcept;
    size_t size() const noexcept { return keys_.size(); }
    size_t usable() const noexcept;

    static constexpr size_t kMaxKeys = 64;

private:
    std::vector<Jwk> keys_;
};

}  // namespace nexus::control
