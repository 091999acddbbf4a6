// One published key: see jwk.h. Whether it signed something is signature.cpp's.
#include "shared/jose/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "shared/crypto/openssl_ptr.h"
#include "shared/encoding/base64.h"
#include "shared/jose/json.h"

namespace nexus::jose {

namespace {

constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 8192;
constexpr size_t kMaxExponentBytes = 4;
constexpr size_t kEd25519Bytes = 32;
constexpr size_t kMaxKidBytes = 512;

using NumberPtr = std::unique_ptr<BIGNUM, crypto::OpensslDelete<BN_free>>;
using ParamBuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, crypto::OpensslDelete<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, crypto::OpensslDelete<OSSL_PARAM_free>>;
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, crypto::OpensslDelete<EVP_PKEY_CTX_free>>;

struct Curve {
    std::string_view name;
    const char *group;
    size_t coordinate_bytes;
};
constexpr std::array<Curve, 3> kCurves{
    {{"P-256", "P-256", 32}, {"P-384", "P-384", 48}, {"P-521", "P-521", 66}}};

// A member that is there and no text makes the key one that nobody can tell apart.
bool has_texts(const json_t *jwk, std::initializer_list<const char *> names) {
    return std::all_of(names.begin(), names.end(), [&](const char *name) {
        return !contains(jwk, name) || json_is_string(json_object_get(jwk, name));
    });
}

// RFC 7517 sections 4.2 and 4.3: a key that says what it is for says it for us too.
bool is_for_verifying(const json_t *jwk) {
    if (contains(jwk, "use") && text_of(jwk, "use") != "sig") {
        return false;
    }
    if (!contains(jwk, "key_ops")) {
        return true;
    }
    const json_t *operations = json_object_get(jwk, "key_ops");
    for (size_t i = 0; i < json_array_size(operations); ++i) {
        if (text_of(json_array_get(operations, i)) == "verify") {
            return true;
        }
    }
    return false;
}

/// "" = absent or malformed
std::string octets(const json_t *jwk, const char *name) {
    return encoding::base64url_decode(text_of(jwk, name)).value_or("");
}

NumberPtr number(std::string_view bytes) {
    return NumberPtr{BN_bin2bn(crypto::as_bytes(bytes), static_cast<int>(bytes.size()), nullptr)};
}

bool is_sound_exponent(std::string_view bytes) {
    bytes.remove_prefix(std::min(bytes.find_first_not_of('\0'), bytes.size()));
    if (bytes.empty() || bytes.size() > kMaxExponentBytes) {
        return false;
    }
    const auto last = static_cast<unsigned char>(bytes.back());
    return (last & 1) == 1 && (bytes.size() > 1 || last >= 3);
}

bool from_params(const char *type, OSSL_PARAM_BLD *builder, Jwk &out) {
    const ParamsPtr params{OSSL_PARAM_BLD_to_param(builder)};
    const PkeyCtxPtr context{EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr)};
    EVP_PKEY *key = nullptr;
    const bool made = params && context && EVP_PKEY_fromdata_init(context.get()) == 1 &&
                      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) == 1;
    out.key.reset(key);
    ERR_clear_error();
    return made;
}

KeyFault import_rsa(const json_t *jwk, Jwk &out) {
    const std::string n = octets(jwk, "n");
    const std::string e = octets(jwk, "e");
    if (n.empty() || e.empty() || n.size() > 2 * kMaxRsaBits / 8) {
        return KeyFault::kMalformed;
    }
    const NumberPtr modulus = number(n);
    if (!modulus || BN_is_zero(modulus.get())) {
        return KeyFault::kMalformed;
    }
    const int bits = BN_num_bits(modulus.get());
    if (bits < kMinRsaBits || bits > kMaxRsaBits || !is_sound_exponent(e)) {
        return KeyFault::kWeak;
    }
    const NumberPtr exponent = number(e);
    const ParamBuilderPtr builder{OSSL_PARAM_BLD_new()};
    const bool built = exponent && builder &&
                       OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) == 1 &&
                       OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) == 1;
    return built && from_params("RSA", builder.get(), out) ? KeyFault::kNone : KeyFault::kMalformed;
}

// OpenSSL refuses a point that is not on the curve.
KeyFault import_ec(const json_t *jwk, Jwk &out) {
    const auto *curve = std::find_if(kCurves.begin(), kCurves.end(),
                                     [&](const Curve &known) { return known.name == out.curve; });
    const std::string x = octets(jwk, "x");
    const std::string y = octets(jwk, "y");
    if (curve == kCurves.end() || x.size() != curve->coordinate_bytes ||
        y.size() != curve->coordinate_bytes) {
        return KeyFault::kMalformed;
    }
    const std::string point = "\x04" + x + y;
    const ParamBuilderPtr builder{OSSL_PARAM_BLD_new()};
    const bool built =
        builder &&
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) == 1;
    return built && from_params("EC", builder.get(), out) ? KeyFault::kNone : KeyFault::kMalformed;
}

KeyFault import_okp(const json_t *jwk, Jwk &out) {
    const std::string x = octets(jwk, "x");
    if (out.curve != "Ed25519" || x.size() != kEd25519Bytes) {
        return KeyFault::kMalformed;
    }
    out.key.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, crypto::as_bytes(x), x.size()));
    ERR_clear_error();
    return out.key ? KeyFault::kNone : KeyFault::kMalformed;
}

KeyFault import_key(const json_t *jwk, Jwk &out) {
    if (!has_texts(jwk, {"kty", "kid", "alg", "crv"}) || out.kid.size() > kMaxKidBytes) {
        return KeyFault::kMalformed;
    }
    if (!is_for_verifying(jwk)) {
        return KeyFault::kUse;
    }
    if (contains(jwk, "d") || contains(jwk, "p") || contains(jwk, "q")) {
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

void ReleasePkey::operator()(evp_pkey_st *key) const noexcept {
    EVP_PKEY_free(key);
}

Jwk read_jwk(const json_t *jwk) {
    Jwk out;
    out.kid = text_of(jwk, "kid");
    out.kty = text_of(jwk, "kty");
    out.alg = text_of(jwk, "alg");
    out.curve = out.kty == "RSA" ? std::string_view{} : text_of(jwk, "crv");
    out.fault = import_key(jwk, out);
    if (out.fault != KeyFault::kNone) {
        out.key.reset();
    }
    return out;
}

json_t *public_jwk(const json_t *jwk) {
    json_t *out = json_object();
    for (const char *name : {"kty", "kid", "alg", "crv", "n", "e", "x", "y"}) {
        if (json_t *member = json_object_get(jwk, name); json_is_string(member)) {
            json_object_set(out, name, member);
        }
    }
    return out;
}

}  // namespace nexus::jose
