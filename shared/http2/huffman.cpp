// The code is canonical: among codes of one length, symbols follow each other; so the lengths say everything.
#include "shared/http2/huffman.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace nexus::http2 {

namespace {

constexpr size_t kLongest = 30;  // bits

// source: RFC 7541 appendix B, "len in bits"; the 257th symbol, end of string, comes last among those of 30
constexpr std::array<uint8_t, 256> kBits = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6,  10, 10, 12, 13, 6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,  5,  5,  5,  6,
    6,  6,  6,  6,  6,  6,  7,  8,  15, 6,  12, 10, 13, 6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
    7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8,  13, 19, 13, 14, 6,  15, 5,  6,  5,  6,  5,  6,  6,
    6,  5,  7,  7,  6,  6,  6,  5,  6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7,  15, 11, 14, 13, 28, 20, 22,
    20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23,
    22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22,
    23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22,
    25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
};

struct Code {
    std::array<uint8_t, 256> symbols{};             // in the order of their codes
    std::array<uint32_t, kLongest + 1> first{};     // code of that length
    std::array<uint16_t, kLongest + 1> count{};     // of symbols with that length
    std::array<uint16_t, kLongest + 1> position{};  // in `symbols`
};

constexpr Code make_code() {
    Code code;
    uint32_t next = 0;
    uint16_t at = 0;
    for (size_t bits = 1; bits <= kLongest; ++bits) {
        next <<= 1;
        code.first[bits] = next;
        code.position[bits] = at;
        for (size_t symbol = 0; symbol < kBits.size(); ++symbol) {
            if (kBits[symbol] == bits) {
                code.symbols[at++] = static_cast<uint8_t>(symbol);
            }
        }
        code.count[bits] = static_cast<uint16_t>(at - code.position[bits]);
        next += code.count[bits];
    }
    return code;
}

constexpr Code kCode = make_code();
static_assert(kCode.first[kLongest] + kCode.count[kLongest] ==
              0x3fffffff);  // end of string, and nothing else

}  // namespace

std::optional<std::string> huffman_decode(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size() * 8 / 5);  // the shortest code has 5 bits: no copy is left behind
    uint32_t code = 0;
    size_t bits = 0;
    for (const char c : bytes) {
        for (int bit = 7; bit >= 0; --bit) {
            code = code << 1 | (static_cast<uint8_t>(c) >> bit & 1U);
            if (++bits > kLongest) {
                return std::nullopt;
            }
            if (code - kCode.first[bits] < kCode.count[bits]) {
                out.push_back(
                    static_cast<char>(kCode.symbols[kCode.position[bits] + (code - kCode.first[bits])]));
                code = 0;
                bits = 0;
            }
        }
    }
    const bool is_padding = bits < 8 && code == (1U << bits) - 1;  // of ones
    return is_padding ? std::optional{std::move(out)} : std::nullopt;
}

}  // namespace nexus::http2
