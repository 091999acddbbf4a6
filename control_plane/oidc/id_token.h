// Verifies an id_token (OpenID Connect Core section 3.1.3.7): signature by the pinned issuer's keys, then the
// claims. Where the keys come from is discovery.h's business; nothing in the token is believed before its
// signature is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "control_plane/oidc/jwk_set.h"
#include "shared/clock.h"
#include "shared/result.h"

namespace nexus::control {

inline constexpr size_t kMaxIdTokenBytes = 16 * 1024;
inline constexpr int64_t kIdTokenSkewS = 120;

struct JoseHeader {
    const SignatureAlgorithm *algorithm = nullptr;
    std::string kid;  // "" = none
};

struct IdTokenExpectation {
    std::string issuer;
    std::string client_id;
    std::optional<std::string> nonce;  // what the authorization request sent; nullopt on refresh
    UnixMs now = 0;
};

struct IdClaims {
    std::string subject;
};

/// Reads the header alone, to learn which key is needed. errors kInvalidIdToken: malformed, `crit`, or an
/// algorithm that is not allowed
Result<JoseHeader> parse_jose_header(std::string_view token);

/// errors kInvalidIdToken, with a message that names the check and never the token
Result<IdClaims> verify_id_token(std::string_view token, const JwkSet &keys,
                                 const IdTokenExpectation &expected);

}  // namespace nexus::control
