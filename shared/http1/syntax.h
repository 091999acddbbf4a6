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
    constexpr uint64_t kOnes = 0x0101'0101'0101'0101, kHigh = 0x8080'8080'8080'8080;
    while (!text.empty()) {
        // Tokens are long: pass eight bytes at once while none of them can be below 0x20 or 0x7f.
        uint64_t word = 0;
        if (text.size() >= sizeof(word)) {
            std::memcpy(&word, text.data(), sizeof(word));
            const uint64_t below = (word - kOnes * 0x20) & ~word;
            const uint64_t deleted = word ^ (kOnes * 0x7f);
            if (((below | ((deleted - kOnes) & ~deleted)) & kHigh) == 0) {
                text.remove_prefix(sizeof(word));
                continue;
            }
        }
        const auto byte = static_cast<unsigned char>(text.front());
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
            return false;
        }
        text.remove_prefix(1);
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
