// HMAC of a message that comes in pieces (RFC 2104), by the hash that a provider asks for.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "shared/crypto/digest.h"

namespace nexus::crypto {

enum class HashName : uint8_t { kSha1, kSha256, kSha512 };

class Hmac {
public:
    /// Throws std::runtime_error only if OpenSSL cannot provide that hash.
    Hmac(HashName hash, std::string_view key);
    ~Hmac();
    Hmac(Hmac &&) noexcept;
    Hmac &operator=(Hmac &&) noexcept;

    Hmac &update(std::string_view bytes);
    /// The bytes of the code: 20, 32 or 64. Ends it.
    std::string finish();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// HMAC-SHA-256 of many messages under one key: setting a key up costs as much as a short message does. Holds
/// the key, in OpenSSL's memory, which wipes it. For one thread at a time.
class HmacSha256Key {
public:
    /// Throws std::runtime_error only if OpenSSL cannot provide HMAC.
    explicit HmacSha256Key(std::string_view key);
    ~HmacSha256Key();
    HmacSha256Key(HmacSha256Key &&) noexcept;
    HmacSha256Key &operator=(HmacSha256Key &&) noexcept;

    Sha256 code_of(std::string_view message);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::crypto
