// Tokens are long and plain: they are passed sixty-four bytes at once as long as nothing has to be escaped.
#include "ngx_module/answer/json_text.h"

#include <cstring>

#include "shared/encoding/sixteen_bytes.h"
#include "shared/encoding/utf8.h"

namespace nexus::edge {

namespace {

using encoding::is_zero;

/// Printable ASCII that stands for itself within quotes.
bool is_plain(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

// Signed: processors compare those at once, and what is not ASCII is less than a blank then.
using Bytes = signed char __attribute__((vector_size(16)));

/// Which of sixteen bytes are not plain.
Bytes odd_at(const char *text) {
    constexpr signed char kBlank = 0x20, kDelete = 0x7f, kQuote = '"', kBackslash = '\\';
    Bytes bytes;
    std::memcpy(&bytes, text, sizeof(bytes));
    return (bytes < kBlank) | (bytes == kDelete) | (bytes == kQuote) | (bytes == kBackslash);
}

/// How many bytes at the front stand for themselves.
size_t plain_length(std::string_view text) {
    constexpr size_t kStep = sizeof(Bytes), kStride = 4 * kStep;
    const char *const bytes = text.data();
    size_t length = 0;
    while (text.size() - length >= kStride &&
           is_zero(odd_at(bytes + length) | odd_at(bytes + length + kStep) |
                   odd_at(bytes + length + 2 * kStep) | odd_at(bytes + length + 3 * kStep))) {
        length += kStride;
    }
    while (text.size() - length >= kStep && is_zero(odd_at(bytes + length))) {
        length += kStep;
    }
    const bool is_all_but_its_end = length != 0 && text.size() - length < kStep;
    if (is_all_but_its_end && is_zero(odd_at(bytes + text.size() - kStep))) {
        return text.size();
    }
    while (length < text.size() && is_plain(text[length])) {
        ++length;
    }
    return length;
}

/// RFC 8259 section 7: what follows the backslash.
char short_escape(char c) {
    switch (c) {
        case '"':
        case '\\':
            return c;
        case '\b':
            return 'b';
        case '\f':
            return 'f';
        case '\n':
            return 'n';
        case '\r':
            return 'r';
        case '\t':
            return 't';
        default:
            return '\0';
    }
}

}  // namespace

JsonText &JsonText::open(char bracket) {
    begin_value();
    put({&bracket, 1});
    next_ = Next::kFirst;
    return *this;
}

JsonText &JsonText::close(char bracket) {
    put({&bracket, 1});
    next_ = Next::kAnother;
    return *this;
}

JsonText &JsonText::name(std::string_view name) {
    begin_value();
    put_quoted(name, plain_length(name));
    put(":");
    next_ = Next::kValue;
    return *this;
}

JsonText &JsonText::string(std::string_view value) {
    const size_t plain = plain_length(value);
    if (plain != value.size() && !encoding::is_utf8(value.substr(plain))) {
        return null();
    }
    begin_value();
    put_quoted(value, plain);
    return *this;
}

JsonText &JsonText::boolean(bool value) {
    begin_value();
    put(value ? "true" : "false");
    return *this;
}

JsonText &JsonText::null() {
    begin_value();
    put("null");
    return *this;
}

JsonText &JsonText::repeat(size_t begin, size_t end) {
    if (begin != end) {
        if (fits()) {
            put({out_.data() + begin, end - begin});
        } else {
            size_ += end - begin;
        }
        next_ = Next::kAnother;
    }
    return *this;
}

void JsonText::put_quoted(std::string_view text, size_t plain) {
    put("\"");
    for (;; plain = plain_length(text)) {
        put(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) {
            break;
        }

        static constexpr char kDigits[] = "0123456789abcdef";
        const char c = text.front();
        const auto byte = static_cast<unsigned char>(c);
        if (const char escape = short_escape(c); escape != '\0') {
            const char pair[] = {'\\', escape};
            put({pair, sizeof pair});
        } else if (byte < 0x20) {
            const char code[] = {'\\', 'u', '0', '0', kDigits[byte >> 4], kDigits[byte & 0x0f]};
            put({code, sizeof code});
        } else {
            put({&c, 1});
        }
        text.remove_prefix(1);
    }
    put("\"");
}

}  // namespace nexus::edge
