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

/// A field value that cannot end its line: no control characters but a tab (RFC 9110 section 5.5).
inline bool is_field_value(std::string_view text) noexcept {
    // Tokens are long: sixteen bytes at once.
    using Bytes = unsigned char __attribute__((vector_size(16)));
    constexpr unsigned char kFirstPrintable = 0x20, kDelete = 0x7f, kTab = '\t';
    decltype(Bytes{} == kDelete) odd{};
    for (; text.size() >= sizeof(Bytes); text.remove_prefix(sizeof(Bytes))) {
        Bytes bytes;
        std::memcpy(&bytes, text.data(), sizeof(bytes));
        odd |= ((bytes < kFirstPrintable) & (bytes != kTab)) | (bytes == kDelete);
    }
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < kFirstPrintable && byte != kTab) || byte == kDelete) {
            return false;
        }
    }
    uint64_t halves[2];
    std::memcpy(halves, &odd, sizeof(halves));
    return (halves[0] | halves[1]) == 0;
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
