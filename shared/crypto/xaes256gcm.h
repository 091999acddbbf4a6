// XAES-256-GCM: AES-256-GCM with a 24-byte nonce and a key derived per message by AES-CMAC.
// source: C2SP XAES-256-GCM (github.com/C2SP/C2SP/blob/main/XAES-256-GCM.md), with its published vectors.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::crypto {

constexpr size_t kXaesKeyBytes = 32;
constexpr size_t kXaesNonceBytes = 24;
constexpr size_t kXaesTagBytes = 16;

using XaesNonce = std::array<unsigned char, kXaesNonceBytes>;

class XaesKey {
public:
    /// key  32 bytes. errors kInvalidKey, kCryptoFailure
    static Result<XaesKey> create(const Secret &key);
    XaesKey(XaesKey &&) noexcept;
    XaesKey &operator=(XaesKey &&) noexcept;
    ~XaesKey();

    /// returns ciphertext || 16-byte tag
    Result<std::string> seal(const XaesNonce &nonce, std::string_view plaintext, std::string_view ad) const;
    /// errors kSealBroken
    Result<Secret> open(const XaesNonce &nonce, std::string_view ciphertext, std::string_view ad) const;
    /// Opens into caller's memory, for the edge's hot path: `out` must hold ciphertext.size() - 16 bytes, and
    /// may be where the ciphertext is. The thread keeps what it derived, for the same message again. returns
    /// the plaintext's length; on failure `out` is wiped.
    Result<size_t> open_into(const XaesNonce &nonce, std::string_view ciphertext, std::string_view ad,
                             std::span<char> out) const;

private:
    struct Impl;  // expanded AES key and CMAC subkey
    explicit XaesKey(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::crypto
