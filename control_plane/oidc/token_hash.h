// at_hash and c_hash: what ties an id_token to the access token and the code that it came with.
#pragma once

#include <string>
#include <string_view>

#include "shared/jose/signature_algorithm.h"
#include "shared/result.h"

namespace nexus::control {

/// base64url of the left half of the digest of `value` by the hash of the token's own algorithm; SHA-512 for
/// EdDSA with Ed25519 errors kCryptoFailure source OpenID Connect Core sections 3.1.3.6 (at_hash)
/// and 3.3.2.11 (c_hash)
Result<std::string> half_hash(std::string_view value, const jose::SignatureAlgorithm &algorithm);

}  // namespace nexus::control
