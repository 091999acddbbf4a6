// Characters of HTTP/1.x field lines (RFC 9110 section 5).
#pragma once

#include <string_view>

namespace nexus::http1 {

/// token (RFC 9110 section 5.6.2): what a field name is made of.
constexpr bool is_token(std::string_view text) noexcept {
    constexpr std::string_view kChars =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return !text.empty() && text.find_first_not_of(kChars) == std::string_view::npos;
}

/// A field value that cannot end its line: no control characters but a tab (RFC 9110 section 5.5).
constexpr bool is_field_value(std::string_view text) noexcept {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && c != '\t') || byte == 0x7f) {
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
