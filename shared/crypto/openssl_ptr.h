// Owners for OpenSSL objects; for .cpp files only, so that no header of ours drags OpenSSL's in.
#pragma once

#include <openssl/evp.h>
#include <memory>
#include <string_view>

namespace nexus::crypto {

template <auto Free>
struct OpensslDelete {
    template <typename T>
    void operator()(T *object) const noexcept {
        Free(object);
    }
};

using CipherCtxPtr = std::unique_ptr<EVP_CIPHER_CTX, OpensslDelete<EVP_CIPHER_CTX_free>>;
using MdCtxPtr = std::unique_ptr<EVP_MD_CTX, OpensslDelete<EVP_MD_CTX_free>>;
using MacCtxPtr = std::unique_ptr<EVP_MAC_CTX, OpensslDelete<EVP_MAC_CTX_free>>;

inline const unsigned char *as_bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char *>(text.data());
}

}  // namespace nexus::crypto
