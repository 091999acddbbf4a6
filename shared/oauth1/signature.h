// Signatures of OAuth 1.0a (RFC 5849 section 3.4): HMAC-SHA1, and HMAC-SHA256 in its likeness. Pure: no
// clock, no randomness, no state.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/crypto/hmac.h"
#include "shared/encoding/form.h"

namespace nexus::oauth1 {

/// Section 3.4.1.1.
/// uri         http1::target_uri
/// parameters  decoded: those of the query, of a form, and of the protocol but oauth_signature and realm
std::string signature_base_string(std::string_view method, std::string_view uri,
                                  const encoding::FormPairs &parameters);

/// oauth_signature (section 3.4.2), base64.
std::string sign(crypto::HashName hash, std::string_view base_string, std::string_view client_secret,
                 std::string_view token_secret);

/// The hash of "HMAC-SHA1" or "HMAC-SHA256"; nullopt: another method
std::optional<crypto::HashName> hash_of_method(std::string_view signature_method) noexcept;

/// What can stand between quotes as it is.
bool is_realm(std::string_view text) noexcept;

}  // namespace nexus::oauth1
