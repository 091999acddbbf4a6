// Algorithms are fetched once per process and contexts kept per thread: in OpenSSL 3 fetching costs more than
// hashing a token does.
#include "shared/crypto/digest.h"

#include <openssl/core_names.h>
#include <stdexcept>

#include "shared/crypto/openssl_ptr.h"
#include "shared/encoding/hex.h"

namespace nexus::crypto {

namespace {

// Never freed: they must outlive every thread's contexts, and OpenSSL frees them at exit.
EVP_MD *sha256_algorithm() {
    static EVP_MD *const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    return algorithm;
}

EVP_MAC *hmac_algorithm() {
    static EVP_MAC *const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    return algorithm;
}

}  // namespace

Sha256 sha256(std::string_view bytes) {
    thread_local const MdCtxPtr ctx{EVP_MD_CTX_new()};
    Sha256 digest;
    if (sha256_algorithm() == nullptr || ctx == nullptr ||
        EVP_DigestInit_ex2(ctx.get(), sha256_algorithm(), nullptr) != 1 ||
        EVP_DigestUpdate(ctx.get(), bytes.data(), bytes.size()) != 1 ||
        EVP_DigestFinal_ex(ctx.get(), digest.data(), nullptr) != 1) {
        throw std::runtime_error("OpenSSL cannot provide SHA-256");
    }
    return digest;
}

std::string sha256_hex(std::string_view bytes) {
    return encoding::hex_encode(as_view(sha256(bytes)));
}

Sha256 hmac_sha256(std::string_view key, std::string_view bytes) {
    // A fresh context: one that is kept would hold on to the key.
    const MacCtxPtr ctx{hmac_algorithm() == nullptr ? nullptr : EVP_MAC_CTX_new(hmac_algorithm())};
    char name[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };

    Sha256 mac;
    size_t length = 0;
    static constexpr unsigned char kNoKey[1] = {};  // a null pointer would mean "keep the key"
    const unsigned char *key_bytes = key.empty() ? kNoKey : as_bytes(key);
    if (ctx == nullptr || EVP_MAC_init(ctx.get(), key_bytes, key.size(), params) != 1 ||
        EVP_MAC_update(ctx.get(), as_bytes(bytes), bytes.size()) != 1 ||
        EVP_MAC_final(ctx.get(), mac.data(), &length, mac.size()) != 1) {
        throw std::runtime_error("OpenSSL cannot provide HMAC-SHA-256");
    }
    return mac;
}

}  // namespace nexus::crypto
