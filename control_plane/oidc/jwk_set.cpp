// A provider's published signing keys: see jwk_set.h.
#include "control_plane/oidc/jwk_set.h"

#include <cjose/cjose.h>

#include <algorithm>
#include <array>

#include "control_plane/json/json.h"

namespace nexus::control {

namespace {

constexpr std::array<SignatureAlgorithm, 9> kAlgorithms{{
    {"RS256", "RSA", ""},
    {"RS384", "RSA", ""},
    {"RS512", "RSA", ""},
    {"PS256", "RSA", ""},
    {"PS384", "RSA", ""},
    {"PS512", "RSA", ""},
    {"ES256", "EC", "P-256"},
    {"ES384", "EC", "P-384"},
    {"ES512", "EC", "P-521"},
}};

constexpr size_t kMinRsaBits = 2048;
constexpr size_t kMaxRsaBits = 8192;

bool fits(const JwkSet::Key &key, const SignatureAlgorithm &algorithm) {
    return key.kty == algorithm.kty && key.curve == algorithm.curve &&
           (key.alg.empty() || key.alg == algorithm.name);
}

// Only the public members go to cjose: whatever else a provider publishes by mistake is not kept.
json::Value public_members(const json::Value &jwk, std::string_view kty) {
    json::Value out = json::Value::object();
    out.set("kty", kty);
    constexpr std::array<std::string_view, 2> kRsa{"n", "e"};
    constexpr std::array<std::string_view, 3> kEc{"crv", "x", "y"};
    auto copy = [&](std::string_view name) { out.set(name, jwk.get(name).as_string()); };
    if (kty == "RSA") {
        std::for_each(kRsa.begin(), kRsa.end(), copy);
    } else {
        std::for_each(kEc.begin(), kEc.end(), copy);
    }
    return out;
}

bool has_usable_size(const cjose_jwk_t *key, std::string_view kty) {
    cjose_err error{};
    size_t bits = cjose_jwk_get_keysize(key, &error);
    return kty != "RSA" || (bits >= kMinRsaBits && bits <= kMaxRsaBits);
}

}  // namespace

const SignatureAlgorithm *find_signature_algorithm(std::string_view name) noexcept {
    const auto *found = std::find_if(kAlgorithms.begin(), kAlgorithms.end(),
                                     [&](const auto &entry) { return entry.name == name; });
    return found == kAlgorithms.end() ? nullptr : found;
}

void ReleaseJwk::operator()(_cjose_jwk_int *key) const noexcept {
    cjose_jwk_release(key);
}

Result<JwkSet> JwkSet::parse(std::string_view text) {
    Result<json::Value> object = json::parse_object(text);
    if (!object || !object->get("keys").is_array()) {
        return fail(Errc::kProviderError, "the provider's key set is no JWK Set");
    }
    json::Value keys = object->get("keys");
    JwkSet set;
    for (size_t i = 0; i < keys.size() && set.keys_.size() < kMaxKeys; ++i) {
        json::Value jwk = keys.at(i);
        std::string kty{jwk.get("kty").as_string()};
        std::string_view use = jwk.get("use").as_string();
        if ((kty != "RSA" && kty != "EC") || (!use.empty() && use != "sig")) {
            continue;
        }
        Secret json = public_members(jwk, kty).dump();
        cjose_err error{};
        std::unique_ptr<cjose_jwk_t, ReleaseJwk> key{
            cjose_jwk_import(json.view().data(), json.view().size(), &error)};
        if (!key || !has_usable_size(key.get(), kty)) {
            continue;
        }
        std::string curve{kty == "EC" ? jwk.get("crv").as_string() : std::string_view{}};
        set.keys_.push_back(Key{std::string{jwk.get("kid").as_string()}, std::move(kty),
                                std::string{jwk.get("alg").as_string()}, std::move(curve), std::move(key)});
    }
    return set;
}

bool JwkSet::has_kid(std::string_view kid) const noexcept {
    return std::any_of(keys_.begin(), keys_.end(), [&](const Key &key) { return key.kid == kid; });
}

const JwkSet::Key *JwkSet::find(std::string_view kid, const SignatureAlgorithm &algorithm) const noexcept {
    const Key *found = nullptr;
    for (const Key &key : keys_) {
        if (!fits(key, algorithm) || (!kid.empty() && key.kid != kid)) {
            continue;
        }
        if (found != nullptr) {
            return nullptr;  // OpenID Connect Core section 10.1: with several keys, the token must name one
        }
        found = &key;
    }
    return found;
}

}  // namespace nexus::control
