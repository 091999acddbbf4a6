// The key's drawing; the hash is siphash.h's.
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

SecretTagger::SecretTagger() : key_(draw()) {}

SecretTag SecretTagger::tag(std::string_view secret) const noexcept {
    return siphash128(key_, secret);
}

}  // namespace nexus::crypto
