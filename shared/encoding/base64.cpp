// OpenSSL does the coding; what it forgives (white space, missing or inner padding, stray bits) is refused
// here, so that every value has exactly one text form.
#include "shared/encoding/base64.h"

#include <openssl/evp.h>
#include <climits>

namespace nexus::encoding {

namespace {

constexpr size_t kMaxInput = INT_MAX / 2;  // OpenSSL counts in int

/// The six bits of a character of the standard alphabet, or -1.
int sextet(char c) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+') {
        return 62;
    }
    if (c == '/') {
        return 63;
    }
    return -1;
}

size_t padding_of(std::string_view text) {
    if (text.ends_with("==")) {
        return 2;
    }
    return text.ends_with('=') ? 1 : 0;
}

/// Are the bits that the last character carries beyond the last byte zero (RFC 4648 section 3.5)?
bool is_canonical_end(char last, size_t padding) {
    const int spare = padding == 2 ? 0x0f : padding == 1 ? 0x03 : 0;
    return (sextet(last) & spare) == 0;
}

tl::unexpected<Error> not_base64() {
    return fail(Errc::kInvalidRequest, "not base64");
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // the coder writes a NUL
    const int written = EVP_EncodeBlock(reinterpret_cast<unsigned char *>(text.data()),
                                        reinterpret_cast<const unsigned char *>(bytes.data()),
                                        static_cast<int>(bytes.size()));
    text.resize(static_cast<size_t>(written));
    return text;
}

Result<std::string> base64_decode(std::string_view text) {
    if (text.size() % 4 != 0 || text.size() > kMaxInput) {
        return not_base64();
    }
    if (text.empty()) {
        return std::string{};
    }

    const size_t padding = padding_of(text);
    const std::string_view digits = text.substr(0, text.size() - padding);
    for (const char c : digits) {
        if (sextet(c) < 0) {
            return not_base64();
        }
    }
    if (!is_canonical_end(digits.back(), padding)) {
        return not_base64();
    }

    std::string bytes(text.size() / 4 * 3, '\0');
    const int written =
        EVP_DecodeBlock(reinterpret_cast<unsigned char *>(bytes.data()),
                        reinterpret_cast<const unsigned char *>(text.data()), static_cast<int>(text.size()));
    if (written < 0) {
        return not_base64();
    }
    bytes.resize(static_cast<size_t>(written) - padding);  // the coder counts padding as zero bytes
    return bytes;
}

std::string base64url_encode(std::string_view bytes) {
    std::string text = base64_encode(bytes);
    text.resize(text.size() - padding_of(text));
    for (char &c : text) {
        if (c == '+') {
            c = '-';
        } else if (c == '/') {
            c = '_';
        }
    }
    return text;
}

Result<std::string> base64url_decode(std::string_view text) {
    std::string standard;
    standard.reserve(text.size() + 3);
    for (const char c : text) {
        if (c == '+' || c == '/' || c == '=') {
            return fail(Errc::kInvalidRequest, "not base64url without padding");
        }
        standard.push_back(c == '-' ? '+' : c == '_' ? '/' : c);
    }
    standard.append((4 - text.size() % 4) % 4, '=');

    Result<std::string> bytes = base64_decode(standard);
    wipe(standard);
    if (!bytes) {
        return fail(Errc::kInvalidRequest, "not base64url without padding");
    }
    return bytes;
}

}  // namespace nexus::encoding
