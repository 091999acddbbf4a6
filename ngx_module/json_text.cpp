// Tokens are long and plain: they are passed sixteen bytes at once as long as nothing has to be escaped.
#include "ngx_module/json_text.h"

#include <cstring>

#include "shared/encoding/utf8.h"

namespace nexus::edge {

namespace {

/// Printable ASCII that stands for itself within quotes.
bool is_plain(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/// How many bytes at the front stand for themselves.
size_t plain_length(std::string_view text) {
    // Signed: processors compare those at once, and what is not ASCII is less than a blank then.
    using Bytes = signed char __attribute__((vector_size(16)));
    constexpr signed char kBlank = 0x20, kDelete = 0x7f, kQuote = '"', kBackslash = '\\';
    const auto is_plain_at = [&](size_t at) {
        Bytes bytes;
        std::memcpy(&bytes, text.data() + at, sizeof(bytes));
        const auto odd = (bytes < kBlank) | (bytes == kDelete) | (bytes == kQuote) | (bytes == kBackslash);
        uint64_t halves[2];
        std::memcpy(halves, &odd, sizeof(halves));
        return (halves[0] | halves[1]) == 0;
    };

    size_t length = 0;
    while (text.size() - length >= sizeof(Bytes) && is_plain_at(length)) {
        length += sizeof(Bytes);
    }
    const bool is_all_but_its_end = length != 0 && text.size() - length < sizeof(Bytes);
    if (is_all_but_its_end && is_plain_at(text.size() - sizeof(Bytes))) {
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

void JsonText::begin_value() {
    if (next_ == Next::kAnother) {
        put(",");
    }
    next_ = Next::kAnother;
}

void JsonText::put(std::string_view text) {
    if (!text.empty() && fits() && text.size() <= out_.size() - size_) {
        std::memcpy(out_.data() + size_, text.data(), text.size());
    }
    size_ += text.size();
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
