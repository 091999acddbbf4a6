// SHA-256 of the API keys that come again and again: an agent sends the same key with each request. Neither
// the keys nor anything that they could be found from is kept (shared/crypto/secret_tag.h).
#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "shared/crypto/secret_tag.h"

namespace nexus::edge {

/// A table of fixed size; who comes last has the place.
class KeyDigests {
public:
    using Hex = std::array<char, 64>;

    KeyDigests();

    /// SHA-256 of `key` in lower-case hexadecimal; good until the next call. Throws if OpenSSL has no
    /// SHA-256.
    const Hex &of(std::string_view key);

private:
    static constexpr size_t kPlaces = 512;

    struct Digest {
        crypto::SecretTag tag;
        bool is_set = false;
        Hex hex;
    };

    crypto::SecretTagger tagger_;
    std::unique_ptr<std::array<Digest, kPlaces>> places_;
};

}  // namespace nexus::edge
