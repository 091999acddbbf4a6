// An OpenSSL context.
#include "shared/crypto/running_sha256.h"

#include <stdexcept>

#include "shared/crypto/openssl_ptr.h"

namespace nexus::crypto {

namespace {

// Never freed: it must outlive every context, and OpenSSL frees it at exit.
EVP_MD *sha256_algorithm() {
    static EVP_MD *const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    return algorithm;
}

[[noreturn]] void fail_sha256() {
    throw std::runtime_error("OpenSSL cannot provide SHA-256");
}

}  // namespace

struct RunningSha256::Impl {
    MdCtxPtr ctx{EVP_MD_CTX_new()};
};

RunningSha256::RunningSha256() : impl_(std::make_unique<Impl>()) {
    if (impl_->ctx == nullptr || sha256_algorithm() == nullptr ||
        EVP_DigestInit_ex2(impl_->ctx.get(), sha256_algorithm(), nullptr) != 1) {
        fail_sha256();
    }
}

RunningSha256::~RunningSha256() = default;

void RunningSha256::update(std::string_view bytes) {
    if (EVP_DigestUpdate(impl_->ctx.get(), bytes.data(), bytes.size()) != 1) {
        fail_sha256();
    }
    size_ += bytes.size();
}

Sha256 RunningSha256::finish() {
    Sha256 digest;
    if (EVP_DigestFinal_ex(impl_->ctx.get(), digest.data(), nullptr) != 1) {
        fail_sha256();
    }
    return digest;
}

}  // namespace nexus::crypto
