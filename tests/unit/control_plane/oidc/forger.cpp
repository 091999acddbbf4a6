// Keys that sign anything: see forger.h.
#include "tests/unit/control_plane/oidc/forger.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include <array>
#include <stdexcept>

#include "shared/crypto/digest.h"
#include "shared/encoding/base64.h"

namespace nexus::test {

namespace {

void require(bool done) {
    if (!done) {
        throw std::runtime_error("OpenSSL refuses");
    }
}

std::string number_of(EVP_PKEY *key, const char *parameter, int size = 0) {
    BIGNUM *number = nullptr;
    require(EVP_PKEY_get_bn_param(key, parameter, &number) == 1);
    std::string bytes(static_cast<size_t>(size != 0 ? size : BN_num_bytes(number)), '\0');
    require(BN_bn2binpad(number, reinterpret_cast<unsigned char *>(bytes.data()),
                         static_cast<int>(bytes.size())) > 0);
    BN_free(number);
    return encoding::base64url_encode(bytes);
}

std::string member(const char *name, const std::string &text) {
    return std::string{"\""} + name + "\":\"" + text + "\"";
}

std::string raw_from_der(const std::string &der, int size) {
    const auto *at = reinterpret_cast<const unsigned char *>(der.data());
    ECDSA_SIG *parsed = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    require(parsed != nullptr);
    std::string raw(static_cast<size_t>(2 * size), '\0');
    auto *out = reinterpret_cast<unsigned char *>(raw.data());
    require(BN_bn2binpad(ECDSA_SIG_get0_r(parsed), out, size) > 0 &&
            BN_bn2binpad(ECDSA_SIG_get0_s(parsed), out + size, size) > 0);
    ECDSA_SIG_free(parsed);
    return raw;
}

std::string digest_name(std::string_view alg) {
    return alg == "EdDSA" ? "" : "SHA" + std::string{alg.substr(2, 3)};
}

}  // namespace

Forger::Forger(EVP_PKEY *key) : key_(key) {
    require(key != nullptr);
}

Forger Forger::rsa(size_t bits) {
    return Forger(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits));
}

Forger Forger::ec(const char *curve) {
    return Forger(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve));
}

Forger Forger::ed25519() {
    return Forger(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
}

std::string Forger::jwk(const std::string &kid, const std::string &more) const {
    std::string out = "{";
    if (!kid.empty()) {
        out += member("kid", kid) + ",";
    }
    if (!more.empty()) {
        out += more + ",";
    }
    switch (EVP_PKEY_get_base_id(key())) {
        case EVP_PKEY_RSA:
            return out + member("kty", "RSA") + "," + member("n", number_of(key(), OSSL_PKEY_PARAM_RSA_N)) +
                   "," + member("e", number_of(key(), OSSL_PKEY_PARAM_RSA_E)) + "}";
        case EVP_PKEY_EC: {
            const int bits = EVP_PKEY_get_bits(key());
            const int size = (bits + 7) / 8;
            return out + member("kty", "EC") + "," + member("crv", "P-" + std::to_string(bits)) + "," +
                   member("x", number_of(key(), OSSL_PKEY_PARAM_EC_PUB_X, size)) + "," +
                   member("y", number_of(key(), OSSL_PKEY_PARAM_EC_PUB_Y, size)) + "}";
        }
        default: {
            std::array<unsigned char, 32> raw{};
            size_t size = raw.size();
            require(EVP_PKEY_get_raw_public_key(key(), raw.data(), &size) == 1);
            const std::string x =
                encoding::base64url_encode({reinterpret_cast<const char *>(raw.data()), size});
            return out + member("kty", "OKP") + "," + member("crv", "Ed25519") + "," + member("x", x) + "}";
        }
    }
}

std::string Forger::signature(std::string_view alg, std::string_view text) const {
    const std::string digest = digest_name(alg);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *padding = nullptr;
    require(EVP_DigestSignInit_ex(context, &padding, digest.empty() ? nullptr : digest.c_str(), nullptr,
                                  nullptr, key(), nullptr) == 1);
    if (alg.starts_with("PS")) {
        require(EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, RSA_PSS_SALTLEN_DIGEST) == 1);
    }
    const auto *bytes = reinterpret_cast<const unsigned char *>(text.data());
    size_t size = 0;
    require(EVP_DigestSign(context, nullptr, &size, bytes, text.size()) == 1);
    std::string out(size, '\0');
    require(EVP_DigestSign(context, reinterpret_cast<unsigned char *>(out.data()), &size, bytes,
                           text.size()) == 1);
    out.resize(size);
    EVP_MD_CTX_free(context);
    return EVP_PKEY_get_base_id(key()) == EVP_PKEY_EC ? raw_from_der(out, (EVP_PKEY_get_bits(key()) + 7) / 8)
                                                      : out;
}

std::string Forger::token(std::string_view alg, std::string_view header, std::string_view payload) const {
    return compact(header, payload, signature(alg, signing_input(header, payload)));
}

std::string hmac_signature(std::string_view secret, std::string_view text) {
    return std::string{crypto::as_view(crypto::hmac_sha256(secret, text))};
}

std::string signing_input(std::string_view header, std::string_view payload) {
    return encoding::base64url_encode(header) + "." + encoding::base64url_encode(payload);
}

std::string compact(std::string_view header, std::string_view payload, std::string_view signature) {
    return signing_input(header, payload) + "." + encoding::base64url_encode(signature);
}

}  // namespace nexus::test
