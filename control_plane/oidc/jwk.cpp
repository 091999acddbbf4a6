// One published key: see jwk.h.
#include "control_plane/oidc/jwk.h"

#include <cjose/cjose.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <span>

#include "shared/encoding/base64.h"

namespace nexus::control {

namespace {

constexpr size_t kMinRsaBits = 2048;
constexpr size_t kMaxRsaBits = 8192;
constexpr size_t kMaxExponentBytes = 4;
constexpr size_t kEd25519Bytes = 32;
constexpr size_t kMaxKidBytes = 512;

constexpr std::array<std::string_view, 2> kRsaMembers{"n", "e"};
constexpr std::array<std::string_view, 3> kEcMembers{"crv", "x", "y"};

// A member that is there and no text makes the key one that nobody can tell apart.
bool has_texts(const json::Value &jwk, std::initializer_list<std::string_view> names) {
    return std::all_of(names.begin(), names.end(), [&](std::string_view name) {
        return !jwk.contains(name) || jwk.get(name).is_string();
    });
}

// RFC 7517 sections 4.2 and 4.3: a key that says what it is for says it for us too.
bool is_for_verifying(const json::Value &jwk) {
    if (jwk.contains("use") && jwk.get("use").as_string() != "sig") {
        return false;
    }
    if (!jwk.contains("key_ops")) {
        return true;
    }
    const json::Value operations = jwk.get("key_ops");
    for (size_t i = 0; operations.is_array() && i < operations.size(); ++i) {
        if (operations.at(i).as_string() == "verify") {
            return true;
        }
    }
    return false;
}

bool is_sound_exponent(std::string_view bytes) {
    bytes.remove_prefix(std::min(bytes.find_first_not_of('\0'), bytes.size()));
    if (bytes.empty() || bytes.size() > kMaxExponentBytes) {
        return false;
    }
    const auto last = static_cast<unsigned char>(bytes.back());
    return (last & 1) == 1 && (bytes.size() > 1 || last >= 3);
}

// Only the public members go to cjose.
bool import_by_cjose(const json::Value &jwk, std::span<const std::string_view> members, Jwk &out) {
    json::Value kept = json::Value::object();
    kept.set("kty", out.kty);
    for (const std::string_view name : members) {
        const json::Value member = jwk.get(name);
        if (name != "crv" && encoding::base64url_decode(member.as_string()).value_or("").empty()) {
            return false;
        }
        kept.set(name, member.as_string());
    }
    const Secret text = kept.dump();
    cjose_err error{};
    out.cjose.reset(cjose_jwk_import(text.view().data(), text.view().size(), &error));
    ERR_clear_error();
    return out.cjose != nullptr;
}

KeyFault import_rsa(const json::Value &jwk, Jwk &out) {
    if (!import_by_cjose(jwk, kRsaMembers, out)) {
        return KeyFault::kMalformed;
    }
    cjose_err error{};
    const size_t bits = cjose_jwk_get_keysize(out.cjose.get(), &error);
    const json::Value e = jwk.get("e");
    const bool is_sound = bits >= kMinRsaBits && bits <= kMaxRsaBits &&
                          is_sound_exponent(encoding::base64url_decode(e.as_string()).value_or(""));
    return is_sound ? KeyFault::kNone : KeyFault::kWeak;
}

KeyFault import_ec(const json::Value &jwk, Jwk &out) {
    const bool is_known = out.curve == "P-256" || out.curve == "P-384" || out.curve == "P-521";
    return is_known && import_by_cjose(jwk, kEcMembers, out) ? KeyFault::kNone : KeyFault::kMalformed;
}

KeyFault import_okp(const json::Value &jwk, Jwk &out) {
    const json::Value x = jwk.get("x");
    const std::string bytes = encoding::base64url_decode(x.as_string()).value_or("");
    if (out.curve != "Ed25519" || bytes.size() != kEd25519Bytes) {
        return KeyFault::kMalformed;
    }
    out.ed25519.reset(EVP_PKEY_new_raw_public_key(
        EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size()));
    ERR_clear_error();
    return out.ed25519 ? KeyFault::kNone : KeyFault::kMalformed;
}

KeyFault import_key(const json::Value &jwk, Jwk &out) {
    if (!has_texts(jwk, {"kty", "kid", "alg", "crv"}) || out.kid.size() > kMaxKidBytes) {
        return KeyFault::kMalformed;
    }
    if (!is_for_verifying(jwk)) {
        return KeyFault::kUse;
    }
    if (jwk.contains("d") || jwk.contains("p") || jwk.contains("q")) {
        return KeyFault::kExposed;
    }
    if (out.kty == "RSA") {
        return import_rsa(jwk, out);
    }
    if (out.kty == "EC") {
        return import_ec(jwk, out);
    }
    return out.kty == "OKP" ? import_okp(jwk, out) : KeyFault::kMalformed;
}

}  // namespace

void ReleaseCjoseJwk::operator()(_cjose_jwk_int *key) const noexcept {
    cjose_jwk_release(key);
}

void ReleasePkey::operator()(evp_pkey_st *key) const noexcept {
    EVP_PKEY_free(key);
}

Jwk read_jwk(const json::Value &jwk) {
    Jwk out;
    out.kid = jwk.get("kid").as_string();
    out.kty = jwk.get("kty").as_string();
    out.alg = jwk.get("alg").as_string();
    out.curve = out.kty == "RSA" ? std::string_view{} : jwk.get("crv").as_string();
    out.fault = import_key(jwk, out);
    if (out.fault != KeyFault::kNone) {
        out.cjose.reset();
        out.ed25519.reset();
    }
    return out;
}

}  // namespace nexus::control
