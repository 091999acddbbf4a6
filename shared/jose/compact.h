// The form of a JWS in its compact serialisation (RFC 7515 section 7.1): its parts, and what its header says.
// Strict; nothing is verified yet.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "shared/jose/refusal.h"
#include "shared/jose/signature_algorithm.h"

struct json_t;

namespace nexus::jose {

inline constexpr size_t kMaxKidBytes = 512;

/// Views into the token, base64url still.
struct CompactParts {
    std::string_view header;
    std::string_view payload;
    std::string_view signature;
    std::string_view signed_text;  // header "." payload
};

/// errors kTooLarge, kEncrypted, kMalformed
tl::expected<CompactParts, Refusal> split_compact(std::string_view token, size_t max_bytes);

/// Three parts of base64url characters: a JWT may have this form, an API key cannot.
bool looks_like_jwt(std::string_view text) noexcept;

struct JoseHeader {
    const SignatureAlgorithm *algorithm = nullptr;
    std::string kid;  // "" = none
};

/// accepted  names of algorithms; empty = all that are known
/// types     what `typ` may be where it is given, in lower case and without "application/"
/// errors    the header's own
tl::expected<JoseHeader, Refusal> read_jose_header(const json_t *object,
                                                   std::span<const std::string> accepted,
                                                   std::span<const std::string_view> types);

}  // namespace nexus::jose
