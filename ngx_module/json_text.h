// JSON written into memory that the caller gives: the body of a token answer is made for each request, and no
// library's memory should hold copies of the token. Pure text work; JSON is read with jansson.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace nexus::edge {

/// Writes what is called, in the order it is called; that objects have names and everything is closed is the
/// caller's business. No blanks.
class JsonText {
public:
    explicit JsonText(std::span<char> out) : out_(out) {}

    JsonText &open_object() { return open('{'); }
    JsonText &close_object() { return close('}'); }
    JsonText &open_array() { return open('['); }
    JsonText &close_array() { return close(']'); }

    JsonText &name(std::string_view name);     // UTF-8
    JsonText &string(std::string_view value);  // null if it is no UTF-8
    JsonText &boolean(bool value);
    JsonText &null();

    /// Bytes of the whole text, also if it did not fit: then `out` holds nothing of use.
    size_t size() const { return size_; }
    bool fits() const { return size_ <= out_.size(); }

private:
    enum class Next : uint8_t { kFirst, kAnother, kValue };

    JsonText &open(char bracket);
    JsonText &close(char bracket);
    void begin_value();
    void put(std::string_view text);
    void put_quoted(std::string_view text, size_t plain);  // so many bytes at its front need no escape

    std::span<char> out_;
    size_t size_ = 0;
    Next next_ = Next::kFirst;
};

}  // namespace nexus::edge
