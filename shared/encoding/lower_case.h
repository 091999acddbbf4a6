// ASCII letters in lower case, eight at once: names of header lines are compared and signed that way for
// every request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace nexus::encoding {

/// Eight characters, those of A to Z in lower case.
constexpr uint64_t lower_case(uint64_t text) noexcept {
    constexpr uint64_t kEach = 0x0101010101010101;
    const uint64_t low_bits = text & (0x7f * kEach);
    const uint64_t from_a = low_bits + (0x80 - 'A') * kEach;  // top bit of each byte: not before A
    const uint64_t after_z = low_bits + (0x7f - 'Z') * kEach;
    return text | ((from_a & ~after_z & ~text & (0x80 * kEach)) >> 2);
}

/// Changes A to Z, and nothing else.
inline void to_lower_case(std::span<char> text) noexcept {
    size_t i = 0;
    for (uint64_t word = 0; i + sizeof(word) <= text.size(); i += sizeof(word)) {
        std::memcpy(&word, text.data() + i, sizeof(word));
        word = lower_case(word);
        std::memcpy(text.data() + i, &word, sizeof(word));
    }
    for (; i < text.size(); ++i) {
        text[i] = static_cast<char>(lower_case(static_cast<unsigned char>(text[i])));
    }
}

}  // namespace nexus::encoding
