// Two SipHashes are one of 128 bits.
#include "shared/crypto/secret_tag.h"

#include <cstring>

#include "shared/crypto/random.h"

namespace nexus::crypto {

namespace {

SipKey draw() {
    const std::string bytes = random_bytes(sizeof(SipKey));
    SipKey key;
    std::memcpy(&key, bytes.data(), sizeof(key));
    return key;
}

}  // namespace

SecretTagger::SecretTagger() : low_(draw()), high_(draw()) {}

SecretTag SecretTagger::tag(std::string_view secret) const noexcept {
    return {siphash(low_, secret), siphash(high_, secret)};
}

}  // namespace nexus::crypto
