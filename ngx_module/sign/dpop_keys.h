// What this worker knows of DPoP: keys that it has parsed, which costs more than to sign with them, and the
// newest nonce of each server (RFC 9449 section 8). Tables of fixed size; who comes last has the place.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "shared/crypto/secret_tag.h"
#include "shared/jose/dpop_key.h"
#include "shared/result.h"

namespace nexus::edge {

class DpopKeys {
public:
    /// The key, kept or parsed. errors kInvalidKey
    Result<std::shared_ptr<const jose::DpopKey>> get(std::string_view private_jwk);

private:
    static constexpr size_t kPlaces = 256;

    struct Place {
        crypto::SecretTag of;  // secret_name of the JWK
        std::shared_ptr<const jose::DpopKey> key;
    };
    std::array<Place, kPlaces> places_;
};

/// A server whose nonce is not known says so, and costs one more request.
class DpopNonces {
public:
    /// "" = none known; good until the next call of `remember`
    std::string_view of(std::string_view origin) const noexcept;
    /// What is no nonce is left out.
    void remember(std::string_view origin, std::string_view nonce);

private:
    static constexpr size_t kPlaces = 256;

    struct Place {
        std::string origin;
        std::string nonce;
    };
    static size_t place_of(std::string_view origin) noexcept;
    std::array<Place, kPlaces> places_;
};

}  // namespace nexus::edge
