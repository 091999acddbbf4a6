// private_key_jwt: see client_assertion.h. OpenSSL reads PEM, cjose signs; a PEM key goes to cjose as a JWK.
#include "control_plane/oauth/client_assertion.h"

#include <cjose/cjose.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

#include "control_plane/json/json.h"
#include "shared/crypto/openssl_ptr.h"
#include "shared/encoding/base64.h"

namespace nexus::control {

namespace {

using BioPtr = std::unique_ptr<BIO, crypto::OpensslDelete<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, crypto::OpensslDelete<EVP_PKEY_free>>;
using BnPtr = std::unique_ptr<BIGNUM, crypto::OpensslDelete<BN_clear_free>>;
using JwkPtr = std::unique_ptr<cjose_jwk_t, crypto::OpensslDelete<cjose_jwk_release>>;
using JwsPtr = std::unique_ptr<cjose_jws_t, crypto::OpensslDelete<cjose_jws_release>>;
using HeaderPtr = std::unique_ptr<cjose_header_t, crypto::OpensslDelete<cjose_header_release>>;

tl::unexpected<Error> no_key(std::string_view why) {
    return fail(Errc::kInvalidKey, "client_secret " + std::string{why}, "client_secret");
}

bool set_number(json::Value &jwk, std::string_view member, EVP_PKEY *key, const char *parameter,
                int size = 0) {
    BIGNUM *raw = nullptr;
    if (EVP_PKEY_get_bn_param(key, parameter, &raw) != 1) {
        return false;
    }
    BnPtr number{raw};
    int bytes = size != 0 ? size : BN_num_bytes(number.get());
    Secret text = Secret::zeroed(static_cast<size_t>(bytes));
    if (BN_bn2binpad(number.get(), reinterpret_cast<unsigned char *>(text.data()), bytes) != bytes) {
        return false;
    }
    std::string encoded = encoding::base64url_encode(text.view());
    jwk.set(member, encoded);
    wipe(encoded);
    return true;
}

// RFC 7518 section 6.
Result<json::Value> jwk_of(EVP_PKEY *key) {
    json::Value jwk = json::Value::object();
    bool complete = false;
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
        jwk.set("kty", "RSA");
        complete = set_number(jwk, "n", key, OSSL_PKEY_PARAM_RSA_N) &&
                   set_number(jwk, "e", key, OSSL_PKEY_PARAM_RSA_E) &&
                   set_number(jwk, "d", key, OSSL_PKEY_PARAM_RSA_D) &&
                   set_number(jwk, "p", key, OSSL_PKEY_PARAM_RSA_FACTOR1) &&
                   set_number(jwk, "q", key, OSSL_PKEY_PARAM_RSA_FACTOR2) &&
                   set_number(jwk, "dp", key, OSSL_PKEY_PARAM_RSA_EXPONENT1) &&
                   set_number(jwk, "dq", key, OSSL_PKEY_PARAM_RSA_EXPONENT2) &&
                   set_number(jwk, "qi", key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
    } else if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && EVP_PKEY_get_bits(key) == 256) {
        char group[64] = {};
        EVP_PKEY_get_group_name(key, group, sizeof(group), nullptr);
        jwk.set("kty", "EC").set("crv", "P-256");
        complete = std::string_view{group} == "prime256v1" &&
                   set_number(jwk, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, 32) &&
                   set_number(jwk, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y, 32) &&
                   set_number(jwk, "d", key, OSSL_PKEY_PARAM_PRIV_KEY, 32);
    }
    return complete ? Result<json::Value>{std::move(jwk)} : no_key("must be an RSA or a P-256 private key");
}

int no_passphrase(char *, int, int, void *) {
    return -1;
}

Result<json::Value> read_pem(std::string_view text) {
    BioPtr bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
    KeyPtr key{bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr};
    ERR_clear_error();
    return key ? jwk_of(key.get()) : no_key("must be a private key in PEM without a passphrase, or a JWK");
}

struct SigningKey {
    JwkPtr key;
    std::string kid;
};

Result<SigningKey> read_key(std::string_view text, std::string_view alg) {
    size_t start = text.find_first_not_of(" \t\r\n");
    bool is_jwk = start != std::string_view::npos && text[start] == '{';
    Result<json::Value> jwk = is_jwk ? json::parse_object(text) : read_pem(text);
    if (!jwk) {
        return is_jwk ? no_key("must be a private key in PEM, or a JWK") : fail(jwk.error());
    }
    std::string_view kty = jwk->get("kty").as_string();
    bool fits = alg == "ES256" ? kty == "EC" && jwk->get("crv").as_string() == "P-256" : kty == "RSA";
    if (!fits || jwk->get("d").as_string().empty()) {
        return no_key("must be a private key for " + std::string{alg});
    }
    cjose_err error{};
    Secret dumped = jwk->dump();
    SigningKey out{JwkPtr{cjose_jwk_import(dumped.view().data(), dumped.view().size(), &error)},
                   std::string{jwk->get("kid").as_string()}};
    if (!out.key) {
        return no_key("must be a private key in PEM, or a JWK");
    }
    if (kty == "RSA" && cjose_jwk_get_keysize(out.key.get(), &error) < 2048) {
        return no_key("must be a key of 2048 bits or more");
    }
    return out;
}

}  // namespace

Result<void> check_assertion_key(std::string_view key, std::string_view alg) {
    return read_key(key, alg).map([](const SigningKey &) {});
}

Result<Secret> client_assertion(std::string_view key, std::string_view alg, std::string_view kid,
                                const AssertionClaims &claims) {
    Result<SigningKey> signing = read_key(key, alg);
    if (!signing) {
        return fail(signing.error());
    }
    const std::string named{kid.empty() ? std::string_view{signing->kid} : kid};
    const std::string algorithm{alg};
    cjose_err error{};
    HeaderPtr header{cjose_header_new(&error)};
    bool headed = header && cjose_header_set(header.get(), CJOSE_HDR_ALG, algorithm.c_str(), &error) &&
                  cjose_header_set(header.get(), "typ", "JWT", &error) &&
                  (named.empty() || cjose_header_set(header.get(), CJOSE_HDR_KID, named.c_str(), &error));
    const int64_t now_s = claims.now / 1000;
    json::Value payload = json::Value::object();
    payload.set("iss", claims.client_id)
        .set("sub", claims.client_id)
        .set("aud", claims.audience)
        .set("jti", claims.jti)
        .set("iat", now_s)
        .set("exp", now_s + kAssertionLifetimeS);
    const std::string text = payload.dump_text();
    JwsPtr jws{headed ? cjose_jws_sign(signing->key.get(), header.get(),
                                       reinterpret_cast<const uint8_t *>(text.data()), text.size(), &error)
                      : nullptr};
    const char *compact = nullptr;
    if (!jws || !cjose_jws_export(jws.get(), &compact, &error)) {
        return fail(Errc::kCryptoFailure, "the client assertion could not be signed");
    }
    return Secret{std::string_view{compact}};
}

}  // namespace nexus::control
