// What a record is found under in shared memory: kind and 128 bits of its id. A connection's UUID is these
// 128 bits, exactly; a caller's and an issuer's are the first half of their
// SHA-256. The whole id is bound into the sealed
// record, so that even a collision could not hand out a foreign record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "shared/record/envelope.h"

namespace nexus::edge::cache {

struct Key {
    record::Kind kind = record::Kind::kToken;
    uint64_t high = 0;
    uint64_t low = 0;

    bool operator==(const Key &) const = default;
};

/// kToken: a UUID in canonical lower case. kCaller, kIssuer: 64 lower-case hexadecimal digits. nullopt if
/// `id` is neither.
std::optional<Key> parse_key(record::Kind kind, std::string_view id) noexcept;

/// Well mixed: callers choose ids, `seed` keeps them from choosing places.
uint64_t mix(const Key &key, uint64_t seed) noexcept;

}  // namespace nexus::edge::cache
