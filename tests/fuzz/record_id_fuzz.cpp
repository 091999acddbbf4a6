// Ids of connections and callers as clients, events and records bring them: what is taken for one has one
// spelling only, becomes a cache key of exactly its bits, and reads back the same.
#include <array>
#include <cstdio>
#include <string>

#include "ngx_module/cache/key.h"
#include "shared/encoding/hex.h"
#include "shared/encoding/record_id.h"
#include "tests/fuzz/fuzz.h"

namespace nexus {
namespace {

using edge::cache::parse_key;
using fuzz::require;

std::string hex_of(const edge::cache::Key &key) {
    std::array<char, 33> text{};
    std::snprintf(text.data(), text.size(), "%016llx%016llx", static_cast<unsigned long long>(key.high),
                  static_cast<unsigned long long>(key.low));
    return text.data();
}

void connection(std::string_view id) {
    const auto key = parse_key(record::Kind::kToken, id);
    require(key.has_value() == encoding::is_canonical_uuid(id));
    require(encoding::is_canonical_uuid(id) == (encoding::is_uuid(id) && encoding::to_lower_ascii(id) == id));
    if (key) {
        std::string text = hex_of(*key);
        for (const size_t dash : {8, 13, 18, 23}) {
            text.insert(dash, 1, '-');
        }
        require(text == id && key->kind == record::Kind::kToken);
    }
}

void caller(std::string_view id) {
    const auto key = parse_key(record::Kind::kCaller, id);
    require(key.has_value() == encoding::is_sha256_hex(id));
    if (key) {
        require(hex_of(*key) == id.substr(0, 32) && key->kind == record::Kind::kCaller);
        require(encoding::hex_encode(encoding::hex_decode(id).value()) == id);
    }
}

}  // namespace
}  // namespace nexus

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const std::string_view text = nexus::fuzz::as_text(data, size);
    nexus::connection(text);
    nexus::caller(text);
    return 0;
}
