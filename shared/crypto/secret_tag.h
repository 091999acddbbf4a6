// Knowing a secret again without keeping it: 128 bits of SipHash under a key that is drawn for each tagger
// and never leaves the process. Nobody who lacks it can make another text be taken for it
// (docs/decisions/0071).
#pragma once

#include <string_view>

#include "shared/crypto/siphash.h"

namespace nexus::crypto {

using SecretTag = Sip128;

class SecretTagger {
public:
    /// Throws if there is no randomness.
    SecretTagger();

    SecretTag tag(std::string_view secret) const noexcept;

private:
    SipKey key_;
};

}  // namespace nexus::crypto
