// Literals apart and together; what nginx does not write is refused.
#include "shared/http2/hpack.h"

#include <algorithm>
#include <array>
#include <optional>

#include "shared/http1/syntax.h"
#include "shared/http2/huffman.h"

namespace nexus::http2 {

namespace {

// RFC 7541 section 6
constexpr uint8_t kIndexed = 0x80, kIncremental = 0x40, kTableSize = 0x20, kNeverIndexed = 0x10;
constexpr uint8_t kCompressed = 0x80;

struct StaticField {
    std::string_view name;
    std::string_view value;
};
// RFC 7541 appendix A, as far as it is about pseudo-header fields: nginx writes all other names out
constexpr std::array<StaticField, 7> kStatic = {{
    {":authority", ""},
    {":method", "GET"},
    {":method", "POST"},
    {":path", "/"},
    {":path", "/index.html"},
    {":scheme", "http"},
    {":scheme", "https"},
}};

tl::unexpected<Error> refused(std::string message) {
    return fail(Errc::kInvalidRequest, std::move(message));
}

uint8_t byte_at(std::string_view bytes, size_t at) noexcept {
    return static_cast<uint8_t>(bytes[at]);
}

/// RFC 7541 section 5.1; the first byte's upper bits are something else's.
std::optional<size_t> take_integer(std::string_view &rest, unsigned prefix_bits) noexcept {
    if (rest.empty()) {
        return std::nullopt;
    }
    const size_t most = (size_t{1} << prefix_bits) - 1;
    size_t value = byte_at(rest, 0) & most;
    rest.remove_prefix(1);
    if (value < most) {
        return value;
    }
    for (unsigned shift = 0; shift < 28 && !rest.empty(); shift += 7) {
        const uint8_t byte = byte_at(rest, 0);
        rest.remove_prefix(1);
        value += size_t{byte & 0x7fU} << shift;
        if ((byte & 0x80) == 0) {
            return value;
        }
    }
    return std::nullopt;
}

char *put_integer(char *p, size_t value, unsigned prefix_bits, uint8_t upper_bits) noexcept {
    const size_t most = (size_t{1} << prefix_bits) - 1;
    if (value < most) {
        *p++ = static_cast<char>(upper_bits | value);
        return p;
    }
    *p++ = static_cast<char>(upper_bits | most);
    for (value -= most; value >= 0x80; value >>= 7) {
        *p++ = static_cast<char>(0x80 | (value & 0x7f));
    }
    *p++ = static_cast<char>(value);
    return p;
}

size_t integer_size(size_t value, unsigned prefix_bits) noexcept {
    char octets[16];
    return static_cast<size_t>(put_integer(octets, value, prefix_bits, 0) - octets);
}

bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t';
}

Result<CodedText> take_text(std::string_view &rest) {
    const bool is_compressed = !rest.empty() && (byte_at(rest, 0) & kCompressed) != 0;
    const std::optional<size_t> size = take_integer(rest, 7);
    if (!size || *size > rest.size()) {
        return refused("a string does not end");
    }
    const CodedText text{rest.substr(0, *size), is_compressed};
    rest.remove_prefix(*size);
    return text;
}

}  // namespace

Result<std::string> CodedText::decode() const {
    if (!is_compressed) {
        return std::string{bytes};
    }
    std::optional<std::string> text = huffman_decode(bytes);
    return text ? Result<std::string>{std::move(*text)} : refused("a compressed string is malformed");
}

Result<Field> take_field(std::string_view &rest) {
    const std::string_view start = rest;
    const uint8_t kind = byte_at(rest, 0);
    const bool is_indexed = (kind & kIndexed) != 0;
    const bool is_literal = is_indexed || (kind & kIncremental) != 0 || (kind & kTableSize) == 0;
    const unsigned prefix_bits = is_indexed ? 7 : (kind & kIncremental) != 0 ? 6 : 4;
    const std::optional<size_t> index = take_integer(rest, prefix_bits);
    if (!is_literal || !index || *index > kStatic.size() || (is_indexed && *index == 0)) {
        return refused("a field is none that nginx writes");
    }

    Field field;
    if (*index == 0) {
        const Result<CodedText> text = take_text(rest);
        Result<std::string> name = text ? text->decode() : tl::unexpected(text.error());
        if (!name) {
            return tl::unexpected(std::move(name).error());
        }
        field.name = std::move(*name);
    } else {
        field.name = kStatic[*index - 1].name;
    }
    if (is_indexed) {
        field.value = {kStatic[*index - 1].value};
    } else {
        const Result<CodedText> value = take_text(rest);
        if (!value) {
            return tl::unexpected(value.error());
        }
        field.value = *value;
    }
    field.encoded = start.substr(0, start.size() - rest.size());
    return field;
}

bool is_field(const http1::HeaderLine &line) noexcept {
    const std::string_view first = line.prefix.empty() ? line.value : line.prefix;
    const std::string_view last = line.value.empty() ? line.prefix : line.value;
    return http1::is_token(line.name) && http1::is_field_value(line.prefix) &&
           http1::is_field_value(line.value) &&
           (first.empty() || (!is_blank(first.front()) && !is_blank(last.back())));
}

size_t field_size(const http1::HeaderLine &line) noexcept {
    const size_t value = line.prefix.size() + line.value.size();
    return 1 + integer_size(line.name.size(), 7) + line.name.size() + integer_size(value, 7) + value;
}

char *put_field(char *p, const http1::HeaderLine &line) noexcept {
    *p++ = static_cast<char>(kNeverIndexed);  // with its name written out
    p = put_integer(p, line.name.size(), 7, 0);
    p = std::ranges::transform(line.name, p, [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
        }).out;
    p = put_integer(p, line.prefix.size() + line.value.size(), 7, 0);
    p = std::ranges::copy(line.prefix, p).out;
    return std::ranges::copy(line.value, p).out;
}

}  // namespace nexus::http2
