// A key that access tokens are bound to, and the proofs that it signs (RFC 9449): ES256 with P-256, EdDSA
// with Ed25519. Parsing one costs more than signing: whoever signs often keeps it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "shared/clock.h"
#include "shared/jose/jwk.h"
#include "shared/result.h"

namespace nexus::jose {

struct DpopClaims {
    std::string_view method;      // htm
    std::string_view uri;         // htu: query and fragment are left out
    std::string_view nonce = {};  // the server's; "" = none known. is_dpop_nonce
    std::string_view jti;         // of this proof alone; base64url, hexadecimal or the like
    UnixMs now = 0;
    std::string_view access_token = {};  // that is shown with it, for ath; "" = none
};

class DpopKey {
public:
    /// private_jwk  RFC 7517: EC with P-256, or OKP with Ed25519
    /// errors       kInvalidKey: another one, or one whose halves do not belong together
    static Result<DpopKey> parse(std::string_view private_jwk);

    /// A compact JWS, typ dpop+jwt, with the public key in its header (section 4.2). Quotes and what is no
    /// ASCII are percent-encoded in htu. errors kCryptoFailure
    Result<std::string> proof(const DpopClaims &claims) const;

private:
    std::unique_ptr<evp_pkey_st, ReleasePkey> key_;
    std::string header_;  // base64url
    bool is_ec_ = false;
};

/// What a server may send as DPoP-Nonce (section 8.1: NQCHAR), and of a length that is worth keeping.
bool is_dpop_nonce(std::string_view text) noexcept;

}  // namespace nexus::jose
