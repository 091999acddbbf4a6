// ASCII only, no locale.
#include "shared/encoding/hex.h"

#include "shared/encoding/hex_word.h"
#include "shared/encoding/lower_case.h"

namespace nexus::encoding {

int hex_digit_value(char c) noexcept {
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

void write_hex(std::string_view bytes, char *digits) noexcept {
    for (; bytes.size() >= 8; bytes.remove_prefix(8), digits += 16) {
        write_hex_word(bytes.data(), digits);
    }
    static constexpr char kDigits[] = "0123456789abcdef";
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        *digits++ = kDigits[byte >> 4];
        *digits++ = kDigits[byte & 0x0f];
    }
}

std::string hex_encode(std::string_view bytes) {
    std::string text(bytes.size() * 2, '\0');
    write_hex(bytes, text.data());
    return text;
}

Result<std::string> hex_decode(std::string_view text) {
    if (text.size() % 2 != 0) {
        return fail(Errc::kInvalidRequest, "not hexadecimal");
    }

    std::string bytes;
    bytes.reserve(text.size() / 2);
    for (size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_digit_value(text[i]);
        const int low = hex_digit_value(text[i + 1]);
        if (high < 0 || low < 0) {
            return fail(Errc::kInvalidRequest, "not hexadecimal");
        }
        bytes.push_back(static_cast<char>(high << 4 | low));
    }
    return bytes;
}

bool is_uuid(std::string_view text) noexcept {
    if (text.size() != 36) {
        return false;
    }
    for (size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : hex_digit_value(text[i]) < 0) {
            return false;
        }
    }
    return true;
}

std::string to_lower_ascii(std::string_view text) {
    std::string lower{text};
    to_lower_case(lower);
    return lower;
}

}  // namespace nexus::encoding
