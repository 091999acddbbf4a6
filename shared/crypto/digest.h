// SHA-256 and HMAC-SHA-256 by OpenSSL's pre-fetched algorithms.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace nexus::crypto {

using Sha256 = std::array<unsigned char, 32>;

/// Throws std::runtime_error only if OpenSSL cannot provide SHA-256 at all.
Sha256 sha256(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);
Sha256 hmac_sha256(std::string_view key, std::string_view bytes);

inline std::string_view as_view(const Sha256 &digest) {
    return {reinterpret_cast<const char *>(digest.data()), digest.size()};
}

}  // namespace nexus::crypto
