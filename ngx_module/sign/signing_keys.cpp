// Keeping derived keys.
#include "ngx_module/sign/signing_keys.h"

#include "shared/crypto/random.h"

namespace nexus::edge {

namespace {

/// A keyed hash of everything that a key is derived from: tells nothing of the secret to who does not have
/// the salt, which is in no other place than the secret itself.
crypto::Sha256 name_of(std::string_view secret_key, std::string_view date, const sigv4::Scope &scope) {
    static const std::string salt = crypto::random_bytes(32);
    std::string text;
    text.reserve(salt.size() + secret_key.size() + date.size() + scope.region.size() + scope.service.size() +
                 4);
    text.append(salt);
    for (const std::string_view part : {date, scope.region, scope.service, secret_key}) {
        text.append(part).append(1, '\0');
    }
    const crypto::Sha256 name = crypto::sha256(text);
    wipe(text);
    return name;
}

}  // namespace

Secret SigningKeys::get(std::string_view secret_key, std::string_view date, const sigv4::Scope &scope) {
    const crypto::Sha256 name = name_of(secret_key, date, scope);
    Place &place = places_[name[0] % kPlaces];
    if (place.key.empty() || place.of != name) {
        place.key = sigv4::derive_signing_key(secret_key, date, scope);
        place.of = name;
    }
    return place.key.clone();
}

}  // namespace nexus::edge
