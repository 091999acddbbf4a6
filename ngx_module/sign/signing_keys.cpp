// Keeping derived keys.
#include "ngx_module/sign/signing_keys.h"

#include "ngx_module/sign/secret_name.h"

namespace nexus::edge {

sigv4::SigningKey SigningKeys::get(std::string_view secret_key, std::string_view date,
                                   const sigv4::Scope &scope) {
    const crypto::SecretTag name = secret_name({date, scope.region, scope.service, secret_key});
    Place &place = places_[name.low % kPlaces];
    if (place.key == nullptr || place.of != name) {
        place.key = sigv4::make_signing_key(secret_key, date, scope);
        place.of = name;
    }
    return place.key;
}

}  // namespace nexus::edge
