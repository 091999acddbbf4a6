// Ids to keys, and keys to well-spread numbers.
#include "ngx_module/cache/key.h"

#include "shared/encoding/record_id.h"

namespace nexus::edge::cache {
namespace {

// The finaliser of MurmurHash3's 64-bit mixer: every input bit reaches every output bit.
uint64_t finalise(uint64_t x) noexcept {
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    x ^= x >> 33;
    return x;
}

}  // namespace

std::optional<Key> parse_key(record::Kind kind, std::string_view id) noexcept {
    const std::optional<encoding::IdWords> words =
        kind == record::Kind::kToken ? encoding::read_canonical_uuid(id) : encoding::read_sha256_hex(id);
    return words ? std::optional(Key{kind, words->high, words->low}) : std::nullopt;
}

uint64_t mix(const Key &key, uint64_t seed) noexcept {
    const uint64_t first = finalise(key.high ^ seed);
    return finalise(first ^ key.low ^ static_cast<uint64_t>(key.kind) * 0x9e3779b97f4a7c15ULL);
}

}  // namespace nexus::edge::cache
