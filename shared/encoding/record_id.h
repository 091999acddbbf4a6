// The two forms of the ids that records are kept under. Both have one spelling only, so that one record has
// one key.
#pragma once

#include <string_view>

namespace nexus::encoding {

/// A UUID (RFC 9562 section 4) in lower case: of a connection.
bool is_canonical_uuid(std::string_view text) noexcept;

/// 64 lower-case hexadecimal digits: of a caller.
bool is_sha256_hex(std::string_view text) noexcept;

}  // namespace nexus::encoding
