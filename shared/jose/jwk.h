// One published key (RFC 7517, RFC 7518 section 6, RFC 8037): RSA, EC and Ed25519, by OpenSSL. A key that
// must not verify is kept by its name and fault alone, so that a token that names it can be told what is
// wrong with it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shared/jose/signature_algorithm.h"

struct evp_pkey_st;
struct json_t;

namespace nexus::jose {

enum class KeyFault : uint8_t {
    kNone,
    kUse,      // `use` is not "sig", or `key_ops` has no "verify"
    kExposed,  // published with its private part: anyone can sign with it
    kWeak,     // RSA below 2048 or above 8192 bits, or with an exponent that is no odd number from 3 to 2^32
    kMalformed,  // no key, or of no type that we know
};

struct ReleasePkey {
    void operator()(evp_pkey_st *key) const noexcept;
};

struct Jwk {
    std::string kid;    // "" = none
    std::string kty;    // "RSA", "EC", "OKP"
    std::string alg;    // "" = any that fits
    std::string curve;  // EC and OKP
    KeyFault fault = KeyFault::kMalformed;
    std::unique_ptr<evp_pkey_st, ReleasePkey> key;

    bool fits(const SignatureAlgorithm &algorithm) const noexcept {
        return fault == KeyFault::kNone && kty == algorithm.kty && curve == algorithm.curve &&
               (alg.empty() || alg == algorithm.name);
    }
};

/// Never fails: see Jwk::fault. jwk  any JSON value, or nullptr
Jwk read_jwk(const json_t *jwk);

/// A usable key's public members and nothing else: what may be handed on.
json_t *public_jwk(const json_t *jwk);

/// Did the key sign it? signature  as a JWS has it: of ECDSA the two numbers side by side
/// Its length must be the algorithm's (RFC 7518 section 3.4).
bool verify_signature(const Jwk &key, const SignatureAlgorithm &algorithm, std::string_view signed_text,
                      std::string_view signature);

}  // namespace nexus::jose
