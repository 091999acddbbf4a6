// SipHash-2-4: a keyed hash that is fast for short text. Whoever does not know the key cannot choose texts
// that fall together, so that tables of what strangers send stay tables.
#pragma once

#include <cstdint>
#include <string_view>

namespace nexus::crypto {

struct SipKey {
    uint64_t low = 0;   // bytes 0 to 7 of the key, little-endian
    uint64_t high = 0;  // bytes 8 to 15
};

/// source  Aumasson, Bernstein: SipHash, a fast short-input PRF (2012)
uint64_t siphash(const SipKey &key, std::string_view text) noexcept;

struct Sip128 {
    uint64_t low = 0;   // bytes 0 to 7 of the digest, little-endian
    uint64_t high = 0;  // bytes 8 to 15
    bool operator==(const Sip128 &) const = default;
};

/// The variant with a digest of 128 bits. Its first half is not what siphash() gives.
/// source  the authors' reference code, outlen 16
Sip128 siphash128(const SipKey &key, std::string_view text) noexcept;

}  // namespace nexus::crypto
