// Characters of HTTP/1.x field lines (RFC 9110 section 5).
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

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
    uint64_t halves[2];
    std::memcpy(halves, &beyond, sizeof(halves));
    return (halves[0] | halves[1]) == 0 && rest < kEnd - kFirst;
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

constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) {
        return false;
    }
    for (size_t i = 0; i < a.size(); ++i) {
        const char x = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] + ('a' - 'A')) : a[i];
        const char y = b[i] >= 'A' && b[i] <= 'Z' ? static_cast<char>(b[i] + ('a' - 'A')) : b[i];
        if (x != y) {
            return false;
        }
    }
    return true;
}

}  // namespace nexus::http1
