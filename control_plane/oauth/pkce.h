// PKCE (RFC 7636): the verifier that stays in the database and the challenge that travels. S256 only.
#pragma once

#include <string>
#include <string_view>

#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

/// 32 random bytes as 43 base64url characters (RFC 7636 section 4.1).
Secret new_code_verifier();

/// 43..128 characters of [A-Za-z0-9-._~] (RFC 7636 section 4.1).
bool is_code_verifier(std::string_view text) noexcept;

/// Derives the S256 code challenge (RFC 7636 section 4.2): 43 base64url characters.
/// errors kInvalidRequest: wrong length or alphabet
Result<std::string> pkce_s256_challenge(std::string_view verifier);

}  // namespace nexus::control
