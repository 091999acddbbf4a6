// Ids to keys, and keys to well-spread numbers.
#include "ngx_module/cache/key.h"

#include <array>

namespace nexus::edge::cache {
namespace {

constexpr uint8_t kNoDigit = 0xff;

/// Values of the lower-case hexadecimal digits; kNoDigit for other characters.
constexpr std::array<uint8_t, 256> kDigits = [] {
    std::array<uint8_t, 256> values{};
    values.fill(kNoDigit);
    constexpr std::string_view kAll = "0123456789abcdef";
    for (size_t i = 0; i < kAll.size(); ++i) {
        values[static_cast<unsigned char>(kAll[i])] = static_cast<uint8_t>(i);
    }
    return values;
}();

/// Reads runs of digits. Whether all of them were some is asked at the end only: nearly always they are.
class DigitReader {
public:
    uint64_t read(uint64_t before, std::string_view digits) noexcept {
        for (const char c : digits) {
            const uint8_t value = kDigits[static_cast<unsigned char>(c)];
            seen_ |= value;
            before = before << 4 | (value & 0x0f);
        }
        return before;
    }
    bool all_digits() const noexcept { return seen_ <= 0x0f; }

private:
    uint8_t seen_ = 0;
};

std::optional<Key> parse_uuid(std::string_view id) noexcept {
    if (id.size() != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-') {
        return std::nullopt;
    }
    DigitReader reader;
    Key key;
    key.kind = record::Kind::kToken;
    key.high = reader.read(reader.read(reader.read(0, id.substr(0, 8)), id.substr(9, 4)), id.substr(14, 4));
    key.low = reader.read(reader.read(0, id.substr(19, 4)), id.substr(24));
    return reader.all_digits() ? std::optional(key) : std::nullopt;
}

std::optional<Key> parse_sha256(record::Kind kind, std::string_view id) noexcept {
    if (id.size() != 64) {
        return std::nullopt;
    }
    DigitReader reader;
    Key key;
    key.kind = kind;
    key.high = reader.read(0, id.substr(0, 16));
    key.low = reader.read(0, id.substr(16, 16));
    reader.read(0, id.substr(32));
    return reader.all_digits() ? std::optional(key) : std::nullopt;
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
    return kind == record::Kind::kToken ? parse_uuid(id) : parse_sha256(kind, id);
}

uint64_t mix(const Key &key, uint64_t seed) noexcept {
    const uint64_t first = finalise(key.high ^ seed);
    return finalise(first ^ key.low ^ static_cast<uint64_t>(key.kind) * 0x9e3779b97f4a7c15ULL);
}

}  // namespace nexus::edge::cache
