// Proofs of possession (RFC 9449): each connection has a key of its own, and each request of its client shows
// a signed statement about itself, so that tokens are of no use without the key.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "shared/jose/dpop_key.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

/// A new P-256 key, as a private JWK. errors kCryptoFailure
Result<Secret> new_dpop_key();

/// jose::DpopKey::proof.
/// key     what new_dpop_key gave
/// errors  kInvalidKey, kCryptoFailure
/// source  RFC 9449 section 4.2
Result<std::string> dpop_proof(const Secret &key, const jose::DpopClaims &claims);

/// The newest nonce of each server, by scheme, host and port. In memory only: a server whose nonce is not
/// known says so, and costs one more request. Bounded. Thread safe.
class DpopNonces {
public:
    std::string of(std::string_view url) const;  // "" = none known
    /// What is no nonce (RFC 9449 section 8.1: NQCHARs) or is too long is left out.
    void remember(std::string_view url, std::string_view nonce);

private:
    mutable std::mutex mutex_;
    std::map<std::string, std::string, std::less<>> nonces_;
};

}  // namespace nexus::control
