// Byte by byte: targets are short.
#include "shared/encoding/percent.h"

#include "shared/encoding/hex.h"

namespace nexus::encoding {

namespace {

/// Takes the next decoded byte off the front of `text`, which is not empty.
unsigned char next_byte(std::string_view &text) {
    const char c = text.front();
    if (c == '%' && text.size() >= 3) {
        const int high = hex_digit_value(text[1]);
        const int low = hex_digit_value(text[2]);
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
        if (kUnreserved.contains(c)) {
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

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string plain;
    plain.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            const Result<std::string> byte = hex_decode(text.substr(i + 1, 2));
            if (!byte || byte->size() != 1 || byte->front() == '\0') {
                return fail(Errc::kInvalidRequest, "the URL has a bad percent-encoding");
            }
            c = byte->front();
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        plain.push_back(c);
    }
    return plain;
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
