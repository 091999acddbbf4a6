// What reading and writing of entries have in common.
#pragma once

#include <cstddef>

#include "ngx_module/cache/key.h"
#include "ngx_module/cache/layout.h"

namespace nexus::edge::cache {

inline constexpr auto kRelaxed = std::memory_order_relaxed;

/// Payloads are copied in whole words; their areas are that long.
constexpr size_t words(size_t bytes) {
    return (bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

inline bool is_key(const Entry &entry, const Key &key) noexcept {
    return entry.key_low.load(kRelaxed) == key.low && entry.key_high.load(kRelaxed) == key.high &&
           entry.kind.load(kRelaxed) == static_cast<uint8_t>(key.kind);
}

inline EntryType type_of(const Entry &entry) noexcept {
    return static_cast<EntryType>(entry.type.load(kRelaxed));
}

}  // namespace nexus::edge::cache
