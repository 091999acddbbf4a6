// Algorithms are fetched once per process and contexts kept per thread: in OpenSSL 3 fetching costs more than
// hashing a token does.
#include "shared/crypto/digest.h"

#include <stdexcept>

#include "shared/crypto/hmac.h"
#include "shared/crypto/openssl_ptr.h"
#include "shared/encoding/hex.h"

namespace nexus::crypto {

namespace {

// Never freed: they must outlive every thread's contexts, and OpenSSL frees them at exit.
EVP_MD *sha256_algorithm() {
    static EVP_MD *const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
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

Sha256Hex hex_of(const Sha256 &digest) noexcept {
    Sha256Hex digits;
    encoding::write_hex(as_view(digest), digits.data());
    return digits;
}

Sha256 hmac_sha256(std::string_view key, std::string_view bytes) {
    return HmacSha256Key(key).code_of(bytes);
}

}  // namespace nexus::crypto
