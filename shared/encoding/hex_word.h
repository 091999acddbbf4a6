// Sixteen hexadecimal digits at once: ids are read for every request at the edge, and digests written for
// every one that is signed.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "shared/encoding/sixteen_bytes.h"

namespace nexus::encoding {

/// Reads runs of sixteen lower-case hexadecimal digits. Whether all of them were some is asked at the end
/// only: nearly always they are.
class HexWords {
public:
    /// digits  16 characters
    uint64_t read(const char *digits) noexcept {
        Bytes text;
        std::memcpy(&text, digits, sizeof(text));
        const Bytes number = text - '0';
        const Bytes letter = text - 'a';
        const auto is_number = number < 10;
        const auto is_letter = letter < 6;
        odd_ |= ~(is_number | is_letter);
        const Bytes values = is_letter ? letter + 10 : number;

        uint64_t halves[2];
        std::memcpy(halves, &values, sizeof(halves));
        return uint64_t{pack(halves[0])} << 32 | pack(halves[1]);
    }

    bool all_digits() const noexcept { return is_zero(odd_); }

private:
    using Bytes = unsigned char __attribute__((vector_size(16)));

    /// Eight values below 16, the first in the lowest byte, as the digits of one number.
    static constexpr uint32_t pack(uint64_t values) noexcept {
        values = (values << 4 | values >> 8) & 0x00ff00ff00ff00ffULL;
        values = (values | values >> 8) & 0x0000ffff0000ffffULL;
        return __builtin_bswap32(static_cast<uint32_t>(values | values >> 16));
    }

    decltype(Bytes{} == 'x') odd_{};
};

/// Writes eight bytes as sixteen lower-case digits.
inline void write_hex_word(const char *bytes, char *digits) noexcept {
    using Bytes = unsigned char __attribute__((vector_size(16)));
    Bytes word{};
    std::memcpy(&word, bytes, 8);
    const Bytes twice = __builtin_shufflevector(word, word, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    constexpr Bytes kFirsts = {0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0};
    const Bytes values = (twice >> 4 & kFirsts) | (twice & 0x0f & ~kFirsts);
    const Bytes text = values + (values > 9 ? Bytes{} + ('a' - 10) : Bytes{} + '0');
    std::memcpy(digits, &text, sizeof(text));
}

}  // namespace nexus::encoding
