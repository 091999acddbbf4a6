// Keeping keys and nonces.
#include "ngx_module/sign/dpop_keys.h"

#include <functional>

#include "ngx_module/sign/secret_name.h"
#include "shared/strategy/signing.h"

namespace nexus::edge {

Result<std::shared_ptr<const jose::DpopKey>> DpopKeys::get(std::string_view private_jwk) {
    const crypto::SecretTag name = secret_name({private_jwk});
    Place &place = places_[name.low % kPlaces];
    if (place.key == nullptr || place.of != name) {
        Result<std::shared_ptr<const jose::DpopKey>> key = strategy::parse_dpop_key(private_jwk);
        if (!key) {
            return key;
        }
        place.key = std::move(*key);
        place.of = name;
    }
    return place.key;
}

size_t DpopNonces::place_of(std::string_view origin) noexcept {
    return std::hash<std::string_view>{}(origin) % kPlaces;
}

std::string_view DpopNonces::of(std::string_view origin) const noexcept {
    const Place &place = places_[place_of(origin)];
    return place.origin == origin ? std::string_view{place.nonce} : std::string_view{};
}

void DpopNonces::remember(std::string_view origin, std::string_view nonce) {
    if (jose::is_dpop_nonce(nonce)) {
        Place &place = places_[place_of(origin)];
        place.origin = origin;
        place.nonce = nonce;
    }
}

}  // namespace nexus::edge
