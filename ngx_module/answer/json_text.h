// JSON written into memory that the caller gives: the body of a token answer is made for each request, and no
// library's memory should hold copies of the token. Pure text work; JSON is read with jansson.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace nexus::edge {

/// A member's name that is known when the program is compiled, with what JSON puts around it: `"name":`.
template <size_t kSize>
struct MemberName {
    std::array<char, kSize + 2> text{};

    consteval MemberName(const char (&name)[kSize]) {
        size_t at = 0;
        text[at++] = '"';
        for (size_t i = 0; i + 1 < kSize; ++i) {
            const char c = name[i];
            if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') {
                throw "a name that would have to be escaped";
            }
            text[at++] = c;
        }
        text[at++] = '"';
        text[at] = ':';
    }
};

/// Writes what is called, in the order it is called; that objects have names and everything is closed is the
/// caller's business. No blanks.
class JsonText {
public:
    explicit JsonText(std::span<char> out) : out_(out) {}

    JsonText &open_object() { return open('{'); }
    JsonText &close_object() { return close('}'); }
    JsonText &open_array() { return open('['); }
    JsonText &close_array() { return close(']'); }

    template <MemberName kName>
    JsonText &name() {
        begin_value();
        put({kName.text.data(), kName.text.size()});
        next_ = Next::kValue;
        return *this;
    }
    JsonText &name(std::string_view name);     // UTF-8
    JsonText &string(std::string_view value);  // null if it is no UTF-8
    JsonText &boolean(bool value);
    JsonText &null();

    /// Where the next name or value of this object or array begins, less the comma before it.
    size_t position() const { return size_; }
    /// Writes once more, as the first of an object or array, what stands from `begin` (the first there, too)
    /// to `end`.
    JsonText &repeat(size_t begin, size_t end);

    /// Bytes of the whole text, also if it did not fit: then `out` holds nothing of use.
    size_t size() const { return size_; }
    bool fits() const { return size_ <= out_.size(); }

private:
    enum class Next : uint8_t { kFirst, kAnother, kValue };

    JsonText &open(char bracket);
    JsonText &close(char bracket);
    void begin_value() {
        if (next_ == Next::kAnother) {
            put(",");
        }
        next_ = Next::kAnother;
    }
    void put(std::string_view text) {
        if (!text.empty() && fits() && text.size() <= out_.size() - size_) {
            std::memcpy(out_.data() + size_, text.data(), text.size());
        }
        size_ += text.size();
    }
    void put_quoted(std::string_view text, size_t plain);  // so many bytes at its front need no escape

    std::span<char> out_;
    size_t size_ = 0;
    Next next_ = Next::kFirst;
};

}  // namespace nexus::edge
