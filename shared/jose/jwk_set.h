// An issuer's published signing keys (RFC 7517), and which of them must have signed. Fetching and caching
// them is the control plane's business.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "shared/jose/jwk.h"
#include "shared/jose/refusal.h"
#include "shared/jose/signature_algorithm.h"
#include "shared/result.h"

namespace nexus::jose {

class JwkSet {
public:
    /// text  a JWK Set; the first kMaxKeys of its keys are looked at
    /// errors kProviderError: no JSON object with a "keys" array, or one with a member twice
    static Result<JwkSet> parse(std::string_view text);

    /// Is there a key of this name, usable or not?
    bool has_kid(std::string_view kid) const noexcept;
    /// The key that must have signed: of those with this kid, or of all where the token has none (OpenID
    /// Connect Core section 10.1), the only one that fits.
    tl::expected<const Jwk *, Refusal> choose(std::string_view kid,
                                              const SignatureAlgorithm &algorithm) const noexcept;
    size_t size() const noexcept { return keys_.size(); }
    size_t usable() const noexcept;
    /// A JWK Set of the usable keys, their public members only, the same text for the same keys.
    const std::string &public_text() const noexcept { return public_text_; }

    static constexpr size_t kMaxKeys = 64;

private:
    std::vector<Jwk> keys_;
    std::string public_text_;
};

}  // namespace nexus::jose
