// Remembering digests of keys.
#include "ngx_module/caller/key_digests.h"

#include "shared/record/caller_record.h"

namespace nexus::edge {

KeyDigests::KeyDigests() : places_(std::make_unique<std::array<Digest, kPlaces>>()) {}

const crypto::Sha256Hex *KeyDigests::find(std::string_view text) const noexcept {
    if (text.size() != record::kAgentKeyChars) {
        return nullptr;  // such as a token, which is long
    }
    const crypto::SecretTag tag = tagger_.tag(text);
    const Digest &digest = (*places_)[tag.low % kPlaces];
    return digest.is_set && digest.tag == tag ? &digest.hex : nullptr;
}

const crypto::Sha256Hex &KeyDigests::add(std::string_view key) {
    const crypto::SecretTag tag = tagger_.tag(key);
    Digest &digest = (*places_)[tag.low % kPlaces];
    digest = {tag, true, crypto::hex_of(crypto::sha256(key))};
    return digest.hex;
}

}  // namespace nexus::edge
