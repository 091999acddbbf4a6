// Keys and keyrings for tests; none of them is a secret.
#pragma once

#include <string>
#include <string_view>

#include "shared/crypto/keyring.h"
#include "shared/encoding/base64.h"

namespace nexus::tests {

/// base64 of 32 equal bytes
inline std::string key_text(char byte) {
    return encoding::base64_encode(std::string(32, byte));
}

inline crypto::Keyring keyring(std::string_view current, std::string_view previous = "") {
    return std::move(
        crypto::Keyring::from_base64({"TEST_KEY", Secret{current}}, {"TEST_KEY_PREVIOUS", Secret{previous}})
            .value());
}

}  // namespace nexus::tests
