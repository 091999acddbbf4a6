// Keys and compact JWS for tests, by OpenSSL.
#pragma once

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <memory>
#include <string>
#include <string_view>

#include "shared/crypto/openssl_ptr.h"
#include "shared/encoding/base64.h"

namespace nexus::tests {

/// One private key and how it signs.
class Signer {
public:
    static Signer ed25519(std::string kid) {
        return {EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), "EdDSA", std::move(kid)};
    }
    static Signer p256(std::string kid) {
        return {EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), "ES256", std::move(kid)};
    }
    static Signer rsa(std::string kid, std::string alg = "RS256") {
        return {EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048}), std::move(alg), std::move(kid)};
    }

    std::string jwk() const {
        std::string out = R"({"kid":")" + kid_ + '"';
        if (alg_ == "EdDSA") {
            size_t size = 32;
            std::string x(size, '\0');
            EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char *>(x.data()), &size);
            return out + R"(,"kty":"OKP","crv":"Ed25519","x":")" + encode(x) + "\"}";
        }
        if (alg_ == "ES256") {
            std::string point(65, '\0');
            size_t size = 0;
            EVP_PKEY_get_octet_string_param(
                key_.get(), "pub", reinterpret_cast<unsigned char *>(point.data()), point.size(), &size);
            return out + R"(,"kty":"EC","crv":"P-256","x":")" + encode(point.substr(1, 32)) + R"(","y":")" +
                   encode(point.substr(33)) + "\"}";
        }
        return out + R"(,"kty":"RSA","n":")" + encode(number("n")) + R"(","e":")" + encode(number("e")) +
               "\"}";
    }

    std::string header() const {
        return R"({"alg":")" + alg_ + R"(","kid":")" + kid_ + R"(","typ":"at+jwt"})";
    }
    std::string sign(std::string_view payload) const { return sign(header(), payload); }
    std::string sign(std::string_view header, std::string_view payload) const {
        const std::string text = encode(header) + "." + encode(payload);
        return text + "." + encode(signature(text));
    }

private:
    struct Free {
        void operator()(EVP_PKEY *key) const { EVP_PKEY_free(key); }
    };

    Signer(EVP_PKEY *key, std::string alg, std::string kid)
        : key_(key), alg_(std::move(alg)), kid_(std::move(kid)) {}

    static std::string encode(std::string_view bytes) { return encoding::base64url_encode(bytes); }

    std::string number(const char *name) const {
        BIGNUM *number = nullptr;
        EVP_PKEY_get_bn_param(key_.get(), name, &number);
        std::string bytes(static_cast<size_t>(BN_num_bytes(number)), '\0');
        BN_bn2bin(number, reinterpret_cast<unsigned char *>(bytes.data()));
        BN_free(number);
        return bytes;
    }

    std::string signature(std::string_view text) const {
        const crypto::MdCtxPtr context{EVP_MD_CTX_new()};
        EVP_PKEY_CTX *key_context = nullptr;
        EVP_DigestSignInit_ex(context.get(), &key_context, alg_ == "EdDSA" ? nullptr : "SHA256", nullptr,
                              nullptr, key_.get(), nullptr);
        if (alg_ == "PS256") {
            EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING);
            EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST);
        }
        std::string bytes(1024, '\0');
        size_t size = bytes.size();
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char *>(bytes.data()), &size,
                       crypto::as_bytes(text), text.size());
        bytes.resize(size);
        return alg_ == "ES256" ? side_by_side(bytes) : bytes;
    }

    static std::string side_by_side(const std::string &der) {
        const unsigned char *at = crypto::as_bytes(der);
        ECDSA_SIG *pair = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
        std::string out(64, '\0');
        auto *bytes = reinterpret_cast<unsigned char *>(out.data());
        BN_bn2binpad(ECDSA_SIG_get0_r(pair), bytes, 32);
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), bytes + 32, 32);
        ECDSA_SIG_free(pair);
        return out;
    }

    std::unique_ptr<EVP_PKEY, Free> key_;
    std::string alg_;
    std::string kid_;
};

inline std::string jwk_set(std::initializer_list<std::string> keys) {
    std::string out;
    for (const std::string &key : keys) {
        out += (out.empty() ? "" : ",") + key;
    }
    return R"({"keys":[)" + out + "]}";
}

}  // namespace nexus::tests
