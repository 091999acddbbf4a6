// Opens what the Nexus Framework's broker has sealed: AES-256-GCM with the raw ENCRYPTION_KEY and no
// associated data, stored as base64 of nonce (12 bytes) || ciphertext || tag (16 bytes). Nothing here seals.
#pragma once

#include <string_view>

#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control::takeover {

class ReferenceKey {
public:
    /// base64 of exactly 32 bytes; white space around it is forgiven. errors kInvalidKey
    static Result<ReferenceKey> from_base64(std::string_view text);

    /// errors kMalformedRecord (no base64, too short), kSealBroken (another key, or damaged), kCryptoFailure
    Result<Secret> open(std::string_view sealed) const;

private:
    explicit ReferenceKey(Secret key) : key_(std::move(key)) {}
    Secret key_;
};

}  // namespace nexus::control::takeover
