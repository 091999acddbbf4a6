// SHA-256 of the agents' keys that come again and again: an agent sends the same key with each request.
// Neither the keys nor anything that they could be found from is kept (shared/crypto/secret_tag.h).
#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "shared/crypto/digest.h"
#include "shared/crypto/secret_tag.h"

namespace nexus::edge {

/// A table of fixed size; who comes last has the place.
class KeyDigests {
public:
    KeyDigests();

    /// What `add` has returned for this text; good until the next call. nullptr: nothing that is remembered
    const crypto::Sha256Hex *find(std::string_view text) const noexcept;

    /// SHA-256 of `key`, which is_agent_key. Throws if OpenSSL has no SHA-256.
    const crypto::Sha256Hex &add(std::string_view key);

private:
    static constexpr size_t kPlaces = 512;

    struct Digest {
        crypto::SecretTag tag;
        bool is_set = false;
        crypto::Sha256Hex hex;
    };

    crypto::SecretTagger tagger_;
    std::unique_ptr<std::array<Digest, kPlaces>> places_;
};

}  // namespace nexus::edge
