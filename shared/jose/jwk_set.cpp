// An issuer's published signing keys: see jwk_set.h.
#include "shared/jose/jwk_set.h"

#include <algorithm>

#include "shared/jose/json.h"

namespace nexus::jose {

namespace {

Refusal refusal_of(KeyFault fault) noexcept {
    switch (fault) {
        case KeyFault::kUse:
            return Refusal::kKeyUse;
        case KeyFault::kExposed:
            return Refusal::kKeyExposed;
        case KeyFault::kWeak:
            return Refusal::kKeyWeak;
        case KeyFault::kMalformed:
            return Refusal::kKeyMalformed;
        case KeyFault::kNone:
            break;
    }
    return Refusal::kKeyMismatch;
}

std::string text_of_set(json_t *keys) {
    const JsonPtr set{json_object()};
    json_object_set_new(set.get(), "keys", keys);
    std::string text(json_dumpb(set.get(), nullptr, 0, JSON_COMPACT | JSON_SORT_KEYS), '\0');
    json_dumpb(set.get(), text.data(), text.size(), JSON_COMPACT | JSON_SORT_KEYS);
    return text;
}

}  // namespace

Result<JwkSet> JwkSet::parse(std::string_view text) {
    JsonFault fault{};
    const JsonPtr object = parse_object(text, fault);
    const json_t *keys = json_object_get(object.get(), "keys");
    if (!json_is_array(keys)) {
        return fail(Errc::kProviderError, "the key set is no JWK Set");
    }
    JwkSet set;
    json_t *usable = json_array();
    for (size_t i = 0; i < json_array_size(keys) && i < kMaxKeys; ++i) {
        const json_t *key = json_array_get(keys, i);
        set.keys_.push_back(read_jwk(key));
        if (set.keys_.back().fault == KeyFault::kNone) {
            json_array_append_new(usable, public_jwk(key));
        }
    }
    set.public_text_ = text_of_set(usable);
    return set;
}

bool JwkSet::has_kid(std::string_view kid) const noexcept {
    return std::any_of(keys_.begin(), keys_.end(), [&](const Jwk &key) { return key.kid == kid; });
}

size_t JwkSet::usable() const noexcept {
    return static_cast<size_t>(std::count_if(keys_.begin(), keys_.end(),
                                             [](const Jwk &key) { return key.fault == KeyFault::kNone; }));
}

tl::expected<const Jwk *, Refusal> JwkSet::choose(std::string_view kid,
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
            return tl::unexpected(Refusal::kAmbiguousKey);
        }
        chosen = &key;
    }
    if (chosen != nullptr) {
        return chosen;
    }
    if (kid.empty()) {
        return tl::unexpected(Refusal::kNoKey);
    }
    return tl::unexpected(unfit != nullptr ? refusal_of(unfit->fault) : Refusal::kUnknownKid);
}

}  // namespace nexus::jose
