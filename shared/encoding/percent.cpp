// Byte by byte and without tables: targets are short.
#include "shared/encoding/percent.h"

namespace nexus::encoding {

namespace {

bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

int digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/// Takes the next decoded byte off the front of `text`, which is not empty.
unsigned char next_byte(std::string_view &text) {
    const char c = text.front();
    if (c == '%' && text.size() >= 3) {
        const int high = digit(text[1]);
        const int low = digit(text[2]);
        if (high >= 0 && low >= 0) {
            text.remove_prefix(3);
            return static_cast<unsigned char>(high << 4 | low);
        }
    }
    text.remove_prefix(1);
    return static_cast<unsigned char>(c);
}

}  // namespace

std::string percent_encode(std::string_view bytes) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    std::string text;
    text.reserve(bytes.size() * 3);
    for (const char c : bytes) {
        if (is_unreserved(c)) {
            text.push_back(c);
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        text.push_back('%');
        text.push_back(kDigits[byte >> 4]);
        text.push_back(kDigits[byte & 0x0f]);
    }
    return text;
}

bool percent_decoded_equal(std::string_view text, std::string_view other, bool plus_is_space) noexcept {
    while (!text.empty() && !other.empty()) {
        const bool plus = plus_is_space && text.front() == '+';
        const unsigned char byte = next_byte(text);
        if ((plus ? ' ' : byte) != next_byte(other)) {
            return false;
        }
    }
    return text.empty() && other.empty();
}

}  // namespace nexus::encoding
