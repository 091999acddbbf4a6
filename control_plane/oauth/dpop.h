// Proofs of possession (RFC 9449): each connection has a key of its own, and each request of its client shows
// a signed statement about itself, so that tokens are of no use without the key.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "shared/clock.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

struct DpopClaims {
    std::string_view method;  // htm
    std::string_view url;     // htu: its query and fragment are left out
    std::string_view nonce;   // the server's; "" = none known
    std::string jti;          // of this proof alone
    UnixMs now = 0;
    std::string_view access_token{};  // that is shown with it, for ath; "" = none
};

/// A new P-256 key, as a private JWK. errors kCryptoFailure
Result<Secret> new_dpop_key();

/// A compact JWS, ES256, typ dpop+jwt, with the public key in its header.
/// key     what new_dpop_key gave
/// errors  kInvalidKey, kCryptoFailure
/// source  RFC 9449 section 4.2
Result<std::string> dpop_proof(const Secret &key, const DpopClaims &claims);

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
