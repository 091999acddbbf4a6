// Reading private keys and signing proofs with OpenSSL.
#include "shared/jose/dpop_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>

#include "shared/crypto/digest.h"
#include "shared/crypto/openssl_ptr.h"
#include "shared/encoding/base64.h"
#include "shared/jose/json.h"
#include "shared/secret.h"

namespace nexus::jose {

namespace {

constexpr int kHalfBytes = 32;  // of a P-256 signature, and of both curves' numbers
constexpr size_t kMaxNonceBytes = 512;

using PkeyPtr = std::unique_ptr<evp_pkey_st, ReleasePkey>;
using PrivateNumberPtr = std::unique_ptr<BIGNUM, crypto::OpensslDelete<BN_clear_free>>;
using ParamBuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, crypto::OpensslDelete<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, crypto::OpensslDelete<OSSL_PARAM_free>>;
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, crypto::OpensslDelete<EVP_PKEY_CTX_free>>;
using EcdsaSigPtr = std::unique_ptr<ECDSA_SIG, crypto::OpensslDelete<ECDSA_SIG_free>>;

tl::unexpected<Error> unreadable() {
    ERR_clear_error();
    return fail(Errc::kInvalidKey, "the DPoP key of the connection is unreadable");
}

/// A member's 32 bytes; empty = it has not so many, or is no base64url
Secret number_of(const json_t *jwk, const char *name) {
    Result<std::string> bytes = encoding::base64url_decode(text_of(jwk, name));
    Secret out{bytes ? std::move(*bytes) : std::string{}};
    return out.size() == kHalfBytes ? std::move(out) : Secret{};
}

PkeyPtr import_ec(const json_t *jwk) {
    const Secret x = number_of(jwk, "x"), y = number_of(jwk, "y"), d = number_of(jwk, "d");
    if (x.empty() || y.empty() || d.empty()) {
        return nullptr;
    }
    const std::string point = std::string{"\x04"}.append(x.view()).append(y.view());
    const PrivateNumberPtr number{BN_bin2bn(crypto::as_bytes(d.view()), kHalfBytes, nullptr)};
    const ParamBuilderPtr builder{OSSL_PARAM_BLD_new()};
    const bool built =
        number && builder &&
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, number.get()) == 1;
    const ParamsPtr params{built ? OSSL_PARAM_BLD_to_param(builder.get()) : nullptr};
    const PkeyCtxPtr context{EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr)};
    EVP_PKEY *key = nullptr;
    const bool made = params && context && EVP_PKEY_fromdata_init(context.get()) == 1 &&
                      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.get()) == 1;
    PkeyPtr out{key};
    const PkeyCtxPtr check{made ? EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr) : nullptr};
    return check && EVP_PKEY_pairwise_check(check.get()) == 1 ? std::move(out) : nullptr;
}

PkeyPtr import_ed25519(const json_t *jwk) {
    const Secret d = number_of(jwk, "d"), x = number_of(jwk, "x");
    if (d.empty() || x.empty()) {
        return nullptr;
    }
    PkeyPtr key{
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, crypto::as_bytes(d.view()), d.size())};
    std::array<unsigned char, kHalfBytes> own{};
    size_t size = own.size();
    const bool is_pair = key && EVP_PKEY_get_raw_public_key(key.get(), own.data(), &size) == 1 &&
                         std::string_view{reinterpret_cast<char *>(own.data()), size} == x.view();
    return is_pair ? std::move(key) : nullptr;
}

/// The signature as a JWS has it; "" if there is none.
std::string as_jws(std::string_view der) {
    const unsigned char *bytes = crypto::as_bytes(der);
    const EcdsaSigPtr pair{d2i_ECDSA_SIG(nullptr, &bytes, static_cast<long>(der.size()))};
    std::array<unsigned char, 2 * kHalfBytes> out{};
    const bool is_whole =
        pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out.data(), kHalfBytes) == kHalfBytes &&
        BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out.data() + kHalfBytes, kHalfBytes) == kHalfBytes;
    return is_whole ? std::string{reinterpret_cast<char *>(out.data()), out.size()} : std::string{};
}

std::string sign(evp_pkey_st *key, bool is_ec, std::string_view text) {
    const crypto::MdCtxPtr context{EVP_MD_CTX_new()};
    std::array<unsigned char, 128> bytes{};  // a P-256 signature has 72 at most, one of Ed25519 64
    size_t size = bytes.size();
    const bool is_signed =
        context &&
        EVP_DigestSignInit_ex(context.get(), nullptr, is_ec ? "SHA256" : nullptr, nullptr, nullptr, key,
                              nullptr) == 1 &&
        EVP_DigestSign(context.get(), bytes.data(), &size, crypto::as_bytes(text), text.size()) == 1;
    ERR_clear_error();
    if (!is_signed) {
        return {};
    }
    const std::string_view made{reinterpret_cast<char *>(bytes.data()), size};
    return is_ec ? as_jws(made) : std::string{made};
}

/// A path as nginx passes it on may hold what no URI has (RFC 3986 section 2). Encoded is what would break
/// out of the JSON text or is no ASCII; the rest stays as the server will see it, which compares.
std::string as_uri(std::string_view text) {
    constexpr std::string_view kOdd = "\"\\";
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text.substr(0, text.find_first_of("?#"))) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > 0x20 && byte < 0x7f && kOdd.find(c) == std::string_view::npos) {
            out += c;
        } else {
            out.append(1, '%').append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
        }
    }
    return out;
}

/// For texts that need no escape in JSON: numbers, tokens, what is encoded already.
void append_member(std::string &json, std::string_view name, std::string_view text) {
    json.append(json.empty() ? "{\"" : ",\"").append(name).append("\":\"").append(text).append("\"");
}

std::string header_of(const json_t *jwk, bool is_ec) {
    std::string json = std::string{R"({"typ":"dpop+jwt","alg":")"}.append(is_ec ? "ES256" : "EdDSA");
    json.append(is_ec ? R"(","jwk":{"kty":"EC","crv":"P-256","x":")"
                      : R"(","jwk":{"kty":"OKP","crv":"Ed25519","x":")");
    json.append(text_of(jwk, "x")).append("\"");
    if (is_ec) {
        json.append(",\"y\":\"").append(text_of(jwk, "y")).append("\"");
    }
    return encoding::base64url_encode(json.append("}}"));
}

}  // namespace

Result<DpopKey> DpopKey::parse(std::string_view private_jwk) {
    JsonFault fault;
    const JsonPtr jwk = parse_object(private_jwk, fault);
    const std::string_view kty = text_of(jwk.get(), "kty"), curve = text_of(jwk.get(), "crv");
    DpopKey out;
    out.is_ec_ = kty == "EC" && curve == "P-256";
    if (out.is_ec_) {
        out.key_ = import_ec(jwk.get());
    } else if (kty == "OKP" && curve == "Ed25519") {
        out.key_ = import_ed25519(jwk.get());
    }
    if (json_t *secret = json_object_get(jwk.get(), "d"); json_is_string(secret)) {
        OPENSSL_cleanse(const_cast<char *>(json_string_value(secret)), json_string_length(secret));
    }
    if (!out.key_) {
        return unreadable();
    }
    out.header_ = header_of(jwk.get(), out.is_ec_);
    return out;
}

Result<std::string> DpopKey::proof(const DpopClaims &claims) const {
    std::string payload;
    append_member(payload, "jti", claims.jti);
    append_member(payload, "htm", claims.method);
    append_member(payload, "htu", as_uri(claims.uri));
    payload.append(",\"iat\":").append(std::to_string(claims.now / 1000));
    if (is_dpop_nonce(claims.nonce)) {
        append_member(payload, "nonce", claims.nonce);
    }
    if (!claims.access_token.empty()) {
        const crypto::Sha256 hash = crypto::sha256(claims.access_token);
        append_member(payload, "ath", encoding::base64url_encode(crypto::as_view(hash)));
    }
    payload.append("}");

    std::string out = header_;
    out.append(".").append(encoding::base64url_encode(payload));
    const std::string signature = sign(key_.get(), is_ec_, out);
    if (signature.empty()) {
        return fail(Errc::kCryptoFailure, "the DPoP proof could not be signed");
    }
    return out.append(".").append(encoding::base64url_encode(signature));
}

bool is_dpop_nonce(std::string_view text) noexcept {
    return !text.empty() && text.size() <= kMaxNonceBytes &&
           std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

}  // namespace nexus::jose
