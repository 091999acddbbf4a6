// Knowing a secret again without keeping it: 128 bits of SipHash under keys that are drawn for each tagger and
// never leave the process. Nobody who lacks them can make another text be taken for it (docs/decisions/0071).
#pragma once

#include <cstdint>
#include <string_view>

#include "shared/crypto/siphash.h"

namespace nexus::crypto {

struct SecretTag {
    uint64_t low = 0;
    uint64_t high = 0;
    bool operator==(const SecretTag &) const = default;
};

class SecretTagger {
public:
    /// Throws if there is no randomness.
    SecretTagger();

    SecretTag tag(std::string_view secret) const noexcept;

private:
    SipKey low_, high_;
};

}  // namespace nexus::crypto
