// private_key_jwt (RFC 7523 section 2.2): the client proves itself with a signed statement instead of a
// secret.
#pragma once

#include <string>
#include <string_view>

#include "shared/clock.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

inline constexpr int64_t kAssertionLifetimeS = 60;
inline constexpr std::string_view kAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

struct AssertionClaims {
    std::string client_id;  // iss and sub
    std::string audience;
    std::string jti;  // of this assertion alone
    UnixMs now = 0;
};

/// alg  RS256 (RSA of 2048 bits or more) or ES256 (P-256)
/// errors kInvalidKey: no private key in PEM or JWK, or one of another kind
Result<void> check_assertion_key(std::string_view key, std::string_view alg);

/// A compact JWS that lives kAssertionLifetimeS.
/// key  PEM ("-----BEGIN ...") or one private JWK; kid "" = the JWK's own, or none
/// errors kInvalidKey, kCryptoFailure
Result<Secret> client_assertion(std::string_view key, std::string_view alg, std::string_view kid,
                                const AssertionClaims &claims);

}  // namespace nexus::control
