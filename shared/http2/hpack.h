// Fields of a header block in HPACK (RFC 7541), as nginx's gRPC module writes them: with names of its own, or
// those of pseudo-header fields; nothing that refers to the dynamic table.
#pragma once

#include <string>
#include <string_view>

#include "shared/http1/header_block.h"
#include "shared/result.h"

namespace nexus::http2 {

struct CodedText {
    std::string_view bytes;
    bool is_compressed = false;

    /// errors kInvalidRequest
    Result<std::string> decode() const;
};

struct Field {
    std::string name;  // lower case
    CodedText value;
    std::string_view encoded;  // the field as a whole
};

/// Takes a field off `rest`, which is not empty. errors kInvalidRequest
Result<Field> take_field(std::string_view &rest);

/// Can it be a field of HTTP/2? (RFC 9113 section 8.2.1)
bool is_field(const http1::HeaderLine &line) noexcept;

/// Bytes that put_field writes.
size_t field_size(const http1::HeaderLine &line) noexcept;

/// Writes a field that is never indexed (RFC 7541 section 7.1.3), its name in lower case. returns its end
char *put_field(char *p, const http1::HeaderLine &line) noexcept;

}  // namespace nexus::http2
