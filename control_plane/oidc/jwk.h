// One published key (RFC 7517): public RSA and EC keys by cjose, Ed25519 (RFC 8037), which cjose does not
// know, by OpenSSL. A key that must not verify is kept by its name and fault alone, so that a token that
// names it can be told what is wrong with it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "control_plane/json/json.h"
#include "control_plane/oidc/signature_algorithm.h"

struct _cjose_jwk_int;
struct evp_pkey_st;

namespace nexus::control {

enum class KeyFault : uint8_t {
    kNone,
    kUse,      // `use` is not "sig", or `key_ops` has no "verify"
    kExposed,  // published with its private part: anyone can sign with it
    kWeak,     // RSA below 2048 or above 8192 bits, or with an exponent that is no odd number from 3 to 2^32
    kMalformed,  // no key, or of no type that we know
};

struct ReleaseCjoseJwk {
    void operator()(_cjose_jwk_int *key) const noexcept;
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
    std::unique_ptr<_cjose_jwk_int, ReleaseCjoseJwk> cjose;  // RSA, EC
    std::unique_ptr<evp_pkey_st, ReleasePkey> ed25519;       // OKP

    bool fits(const SignatureAlgorithm &algorithm) const noexcept {
        return fault == KeyFault::kNone && kty == algorithm.kty && curve == algorithm.curve &&
               (alg.empty() || alg == algorithm.name);
    }
};

/// Never fails: see Jwk::fault.
Jwk read_jwk(const json::Value &jwk);

}  // namespace nexus::control
