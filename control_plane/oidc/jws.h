// JSON Web Signatures of a provider in their compact form (RFC 7515 section 7.1): an id_token, or a UserInfo
// answer. Strict in form; nothing of the payload is seen before its signature is verified. What the claims
// must say is id_token.h's business.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "control_plane/json/json.h"
#include "control_plane/oidc/id_token_refusal.h"
#include "shared/jose/compact.h"
#include "shared/jose/jwk_set.h"
#include "shared/result.h"

namespace nexus::control {

inline constexpr size_t kMaxJwsBytes = 16 * 1024;
inline constexpr size_t kMaxJoseHeaderBytes = 8 * 1024;

/// Reads the header alone, to learn which key is needed.
/// accepted  names of algorithms; empty = all that are known
/// errors    kInvalidIdToken, its detail a code of IdTokenRefusal, like below
Result<jose::JoseHeader> parse_jose_header(std::string_view token,
                                           std::span<const std::string> accepted = {});

/// The claims of a token that one of `keys` signed.
/// header  the token's own, as parse_jose_header read it
Result<json::Value> signed_claims(std::string_view token, const jose::JoseHeader &header,
                                  const jose::JwkSet &keys);

}  // namespace nexus::control
