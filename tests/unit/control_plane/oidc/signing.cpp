// Keys and signatures for the tests: see signing.h.
#include "tests/unit/control_plane/oidc/signing.h"

#include <cjose/cjose.h>

#include <cstdlib>
#include <stdexcept>

namespace nexus::test {

namespace {

_cjose_jwk_int *with_kid(_cjose_jwk_int *key, const std::string &kid) {
    cjose_err error{};
    if (key == nullptr || (!kid.empty() && !cjose_jwk_set_kid(key, kid.c_str(), kid.size(), &error))) {
        throw std::runtime_error("no key");
    }
    return key;
}

}  // namespace

SigningKey SigningKey::rsa(const std::string &kid, size_t bits) {
    cjose_err error{};
    const uint8_t exponent[] = {1, 0, 1};
    return SigningKey(with_kid(cjose_jwk_create_RSA_random(bits, exponent, 3, &error), kid));
}

SigningKey SigningKey::p256(const std::string &kid) {
    cjose_err error{};
    return SigningKey(with_kid(cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error), kid));
}

SigningKey SigningKey::hmac(const std::string &kid, const std::string &secret) {
    cjose_err error{};
    return SigningKey(with_kid(
        cjose_jwk_create_oct_spec(reinterpret_cast<const uint8_t *>(secret.data()), secret.size(), &error),
        kid));
}

SigningKey::~SigningKey() {
    cjose_jwk_release(key_);
}

std::string SigningKey::public_jwk(const std::string &more) const {
    cjose_err error{};
    char *text = cjose_jwk_to_json(key_, false, &error);
    std::string json = text;
    std::free(text);
    return more.empty() ? json : "{" + more + "," + json.substr(1);
}

std::string SigningKey::sign(const std::string &alg, const std::string &payload,
                             const std::string &kid) const {
    cjose_err error{};
    cjose_header_t *header = cjose_header_new(&error);
    cjose_header_set(header, CJOSE_HDR_ALG, alg.c_str(), &error);
    if (!kid.empty()) {
        cjose_header_set(header, CJOSE_HDR_KID, kid.c_str(), &error);
    }
    cjose_jws_t *jws = cjose_jws_sign(key_, header, reinterpret_cast<const uint8_t *>(payload.data()),
                                      payload.size(), &error);
    const char *text = nullptr;
    if (jws == nullptr || !cjose_jws_export(jws, &text, &error)) {
        throw std::runtime_error("not signed");
    }
    std::string out = text;
    cjose_jws_release(jws);
    cjose_header_release(header);
    return out;
}

}  // namespace nexus::test
