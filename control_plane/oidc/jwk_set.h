// A provider's published signing keys (RFC 7517). Public RSA and EC keys are kept, everything else is passed
// over. Fetching and caching is discovery.h's business.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/result.h"

struct _cjose_jwk_int;

namespace nexus::control {

/// What a signature algorithm demands of its key.
struct SignatureAlgorithm {
    std::string_view name;   // "RS256", ...
    std::string_view kty;    // "RSA" or "EC"
    std::string_view curve;  // "P-256", ...; "" for RSA
};

/// The algorithms that an id_token may be signed with: RS, PS and ES; `none` and the HS family are not among
/// them, so that neither an unsigned token nor one "signed" with a public key's text can pass. nullptr =
/// refused.
const SignatureAlgorithm *find_signature_algorithm(std::string_view name) noexcept;

struct ReleaseJwk {
    void operator()(_cjose_jwk_int *key) const noexcept;
};

class JwkSet {
public:
    struct Key {
        std::string kid;  // "" = none
        std::string kty;
        std::string alg;    // "" = any that fits
        std::string curve;  // EC only
        std::unique_ptr<_cjose_jwk_int, ReleaseJwk> key;
    };

    /// text  a JWK Set; at most kMaxKeys usable keys are kept. RSA below 2048 or above 8192 bits is passed
    /// over. errors kProviderError: no JSON object with a "keys" array
    static Result<JwkSet> parse(std::string_view text);

    bool has_kid(std::string_view kid) const noexcept;
    /// The key that must have signed: by kid; without a kid, the only one that fits. nullptr = none, or no
    /// telling.
    const Key *find(std::string_view kid, const SignatureAlgorithm &algorithm) const noexcept;
    size_t size() const noexcept { return keys_.size(); }

    static constexpr size_t kMaxKeys = 64;

private:
    std::vector<Key> keys_;
};

}  // namespace nexus::control
