// The algorithms that a JWS may be signed with: RS, PS and ES of RFC 7518 section 3.1, EdDSA of
// RFC 8037 with Ed25519. `none` and the HS family are not among them, so that neither an unsigned token nor
// one "signed" with a public key's text can pass.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace nexus::jose {

/// What a signature algorithm demands of its key.
struct SignatureAlgorithm {
    std::string_view name;   // "RS256", ...
    std::string_view kty;    // "RSA", "EC" or "OKP"
    std::string_view curve;  // "P-256", ..., "Ed25519"; "" for RSA
    std::string_view
        hash;  // of the signature and of at_hash and c_hash, as OpenSSL calls it: "SHA2-256", ...
    size_t signature_bytes;  // 0 = as long as the key (RSA)
};

/// nullptr = refused. Names are case-sensitive.
const SignatureAlgorithm *find_signature_algorithm(std::string_view name) noexcept;

std::span<const SignatureAlgorithm> signature_algorithms() noexcept;

}  // namespace nexus::jose
