// The two forms of the ids that records are kept under. Both have one spelling only, so that one record has
// one key.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace nexus::encoding {

/// The first 128 bits of an id.
struct IdWords {
    uint64_t high = 0;
    uint64_t low = 0;
};

/// A UUID (RFC 9562 section 4) in lower case: of a connection. nullopt: it is none.
std::optional<IdWords> read_canonical_uuid(std::string_view text) noexcept;
/// 64 lower-case hexadecimal digits: of a caller. nullopt: it is none.
std::optional<IdWords> read_sha256_hex(std::string_view text) noexcept;

inline bool is_canonical_uuid(std::string_view text) noexcept {
    return read_canonical_uuid(text).has_value();
}
inline bool is_sha256_hex(std::string_view text) noexcept {
    return read_sha256_hex(text).has_value();
}

}  // namespace nexus::encoding
