// A provider's published signing keys: see jwk_set.h.
#include "control_plane/oidc/jwk_set.h"

#include <algorithm>

#include "control_plane/json/json.h"

namespace nexus::control {

namespace {

IdTokenRefusal refusal_of(KeyFault fault) noexcept {
    switch (fault) {
        case KeyFault::kUse:
            return IdTokenRefusal::kKeyUse;
        case KeyFault::kExposed:
            return IdTokenRefusal::kKeyExposed;
        case KeyFault::kWeak:
            return IdTokenRefusal::kKeyWeak;
        case KeyFault::kMalformed:
            return IdTokenRefusal::kKeyMalformed;
        case KeyFault::kNone:
            break;
    }
    return IdTokenRefusal::kKeyMismatch;
}

}  // namespace

Result<JwkSet> JwkSet::parse(std::string_view text) {
    Result<json::Value> object = json::parse_object(text);
    if (!object || !object->get("keys").is_array()) {
        return fail(Errc::kProviderError, "the provider's key set is no JWK Set");
    }
    const json::Value keys = object->get("keys");
    JwkSet set;
    for (size_t i = 0; i < keys.size() && i < kMaxKeys; ++i) {
        set.keys_.push_back(read_jwk(keys.at(i)));
    }
    return set;
}

bool JwkSet::has_kid(std::string_view kid) const noexcept {
    return std::any_of(keys_.begin(), keys_.end(), [&](const Jwk &key) { return key.kid == kid; });
}

size_t JwkSet::usable() const noexcept {
    return static_cast<size_t>(std::count_if(keys_.begin(), keys_.end(),
                                             [](const Jwk &key) { return key.fault == KeyFault::kNone; }));
}

tl::expected<const Jwk *, IdTokenRefusal> JwkSet::choose(std::string_view kid,
                                                         const SignatureAlgorithm &algorithm) const noexcept {
    const Jwk *chosen = nullptr;
    const Jwk *unfit = nullptr;
    for (const Jwk &key : keys_) {
        if (!kid.empty() && key.kid != kid) {
            continue;
        }
        if (!key.fits(algorithm)) {
            unfit = &key;
            continue;
        }
        if (chosen != nullptr) {
            return tl::unexpected(IdTokenRefusal::kAmbiguousKey);
        }
        chosen = &key;
    }
    if (chosen != nullptr) {
        return chosen;
    }
    if (kid.empty()) {
        return tl::unexpected(IdTokenRefusal::kNoKey);
    }
    return tl::unexpected(unfit != nullptr ? refusal_of(unfit->fault) : IdTokenRefusal::kUnknownKid);
}

}  // namespace nexus::control
