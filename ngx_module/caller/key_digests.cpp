// Remembering digests of keys.
#include "ngx_module/caller/key_digests.h"

#include <algorithm>

#include "shared/crypto/digest.h"

namespace nexus::edge {

KeyDigests::KeyDigests() : places_(std::make_unique<std::array<Digest, kPlaces>>()) {}

const KeyDigests::Hex &KeyDigests::of(std::string_view key) {
    const crypto::SecretTag tag = tagger_.tag(key);
    Digest &digest = (*places_)[tag.low % kPlaces];
    if (!digest.is_set || digest.tag != tag) {
        std::ranges::copy(crypto::sha256_hex(key), digest.hex.begin());
        digest.tag = tag;
        digest.is_set = true;
    }
    return digest.hex;
}

}  // namespace nexus::edge
