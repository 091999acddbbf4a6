// HMAC of a message that comes in pieces (RFC 2104), by the hash that a provider asks for.
#pragma once

#include <memory>
#include <string>
#include <string_view>

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

}  // namespace nexus::crypto
