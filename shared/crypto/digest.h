// SHA-256 and HMAC-SHA-256 by OpenSSL's pre-fetched algorithms.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace nexus::crypto {

using Sha256 = std::array<unsigned char, 32>;
using Sha256Hex = std::array<char, 64>;

/// Throws std::runtime_error only if OpenSSL cannot provide SHA-256 at all.
Sha256 sha256(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);
Sha256 hmac_sha256(std::string_view key, std::string_view bytes);

inline std::string_view as_view(const Sha256 &digest) {
    return {reinterpret_cast<const char *>(digest.data()), digest.size()};
}

/// Its lower-case hexadecimal digits, where a string would be too much.
Sha256Hex hex_of(const Sha256 &digest) noexcept;

inline std::string_view as_view(const Sha256Hex &digits) {
    return {digits.data(), digits.size()};
}

}  // namespace nexus::crypto
