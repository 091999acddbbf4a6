// Ids to keys, and keys to well-spread numbers.
#include "ngx_module/cache/key.h"

namespace nexus::edge::cache {
namespace {

constexpr size_t kUuidText = 36;
constexpr size_t kSha256Text = 64;
constexpr size_t kKeyDigits = 32;

std::optional<unsigned> hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') {
        return static_cast<unsigned>(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return static_cast<unsigned>(c - 'a' + 10);
    }
    return std::nullopt;
}

bool is_dash_position(size_t i) noexcept {
    return i == 8 || i == 13 || i == 18 || i == 23;
}

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
    const bool is_uuid = kind == record::Kind::kToken;
    if (id.size() != (is_uuid ? kUuidText : kSha256Text)) {
        return std::nullopt;
    }

    Key key;
    key.kind = kind;
    size_t digits = 0;
    for (size_t i = 0; i < id.size(); ++i) {
        if (is_uuid && is_dash_position(i)) {
            if (id[i] != '-') {
                return std::nullopt;
            }
            continue;
        }
        const std::optional<unsigned> digit = hex_digit(id[i]);
        if (!digit) {
            return std::nullopt;
        }
        if (digits < kKeyDigits) {
            uint64_t &half = digits < kKeyDigits / 2 ? key.high : key.low;
            half = half << 4 | *digit;
        }
        ++digits;
    }
    return key;
}

uint64_t mix(const Key &key, uint64_t seed) noexcept {
    const uint64_t first = finalise(key.high ^ seed);
    return finalise(first ^ key.low ^ static_cast<uint64_t>(key.kind) * 0x9e3779b97f4a7c15ULL);
}

}  // namespace nexus::edge::cache
