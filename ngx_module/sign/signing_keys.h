// Keys of AWS Signature Version 4 that this worker has derived: deriving one takes four HMACs, and an agent
// asks again and again. A derived key signs for one day, one region and one service only; it is wiped when
// another one takes its place.
#pragma once

#include <array>
#include <string_view>

#include "shared/crypto/secret_tag.h"
#include "shared/sigv4/signing_key.h"

namespace nexus::edge {

/// A table of fixed size; who comes last has the place.
class SigningKeys {
public:
    /// The key, kept or derived.
    sigv4::SigningKey get(std::string_view secret_key, std::string_view date, const sigv4::Scope &scope);

private:
    static constexpr size_t kPlaces = 256;

    struct Place {
        crypto::SecretTag of;  // secret_name of what the key was derived from
        sigv4::SigningKey key;
    };
    std::array<Place, kPlaces> places_;
};

}  // namespace nexus::edge
