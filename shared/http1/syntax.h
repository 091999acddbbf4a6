// Characters of HTTP/1.x field lines (RFC 9110 section 5).
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "shared/encoding/lower_case.h"
#include "shared/encoding/sixteen_bytes.h"

namespace nexus::http1 {

namespace detail {

constexpr std::array<bool, 256> token_characters() {
    std::array<bool, 256> table{};
    constexpr std::string_view kChars =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (const char c : kChars) {
        table[static_cast<unsigned char>(c)] = true;
    }
    return table;
}

inline constexpr std::array<bool, 256> kToken = token_characters();

}  // namespace detail

/// token (RFC 9110 section 5.6.2): what a field name is made of.
constexpr bool is_token(std::string_view text) noexcept {
    for (const char c : text) {
        if (!detail::kToken[static_cast<unsigned char>(c)]) {
            return false;
        }
    }
    return !text.empty();
}

namespace detail {

/// Nearly every field value is visible ASCII and blanks: sixteen characters at once, for tokens are long.
inline bool is_printable_ascii(std::string_view text) noexcept {
    using Bytes = unsigned char __attribute__((vector_size(16)));
    constexpr unsigned char kFirst = 0x20, kEnd = 0x7f;
    Bytes highest{};
    while (text.size() >= sizeof(Bytes)) {
        Bytes bytes;
        std::memcpy(&bytes, text.data(), sizeof(bytes));
        bytes -= kFirst;
        highest = bytes > highest ? bytes : highest;
        text.remove_prefix(sizeof(Bytes));
    }
    unsigned char rest = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(static_cast<unsigned char>(c) - kFirst);
        rest = byte > rest ? byte : rest;
    }
    const auto beyond = highest >= static_cast<unsigned char>(kEnd - kFirst);
    return encoding::is_zero(beyond) && rest < kEnd - kFirst;
}

}  // namespace detail

/// A field value that cannot end its line: no control characters but a tab (RFC 9110 section 5.5).
inline bool is_field_value(std::string_view text) noexcept {
    if (detail::is_printable_ascii(text)) {
        return true;
    }
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
            return false;
        }
    }
    return true;
}

namespace detail {

inline bool equal_eight(const char *a, const char *b) noexcept {
    uint64_t x = 0, y = 0;
    std::memcpy(&x, a, sizeof(x));
    std::memcpy(&y, b, sizeof(y));
    return x == y || encoding::lower_case(x) == encoding::lower_case(y);
}

/// size  of both
[[gnu::noinline]] inline bool same_but_for_case(const char *a, const char *b, size_t size) noexcept {
    if (size >= 8) {
        for (size_t i = 0; i + 8 <= size; i += 8) {
            if (!equal_eight(a + i, b + i)) {
                return false;
            }
        }
        return equal_eight(a + size - 8, b + size - 8);
    }
    for (size_t i = 0; i < size; ++i) {
        const auto x = static_cast<unsigned char>(a[i]), y = static_cast<unsigned char>(b[i]);
        if (x != y && encoding::lower_case(x) != encoding::lower_case(y)) {
            return false;
        }
    }
    return true;
}

}  // namespace detail

/// Names are compared with every header line of every request: most have another length, which is seen where
/// the comparison stands.
inline bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && detail::same_but_for_case(a.data(), b.data(), a.size());
}

}  // namespace nexus::http1
