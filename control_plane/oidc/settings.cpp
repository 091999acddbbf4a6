// What a profile says about OpenID Connect: see settings.h.
#include "control_plane/oidc/settings.h"

#include <array>
#include <utility>

namespace nexus::control {

namespace {

constexpr std::array<std::pair<std::string_view, DiscoveryMode>, 2> kDiscoveryModes{
    {{"prefer_discovery", DiscoveryMode::kPreferDiscovery}, {"force_static", DiscoveryMode::kForceStatic}}};
constexpr std::array<std::pair<std::string_view, OidcMode>, 2> kOidcModes{
    {{"verified", OidcMode::kVerified}, {"opaque", OidcMode::kOpaque}}};

template <typename Mode, size_t N>
std::optional<Mode> mode_of(const std::array<std::pair<std::string_view, Mode>, N> &modes,
                            std::string_view name) noexcept {
    for (const auto &[known, mode] : modes) {
        if (known == name) {
            return mode;
        }
    }
    return std::nullopt;
}

template <typename Mode, size_t N>
std::string_view name_of(const std::array<std::pair<std::string_view, Mode>, N> &modes,
                         Mode wanted) noexcept {
    for (const auto &[name, mode] : modes) {
        if (mode == wanted) {
            return name;
        }
    }
    return "";
}

}  // namespace

std::optional<DiscoveryMode> parse_discovery_mode(std::string_view name) noexcept {
    return mode_of(kDiscoveryModes, name);
}
std::optional<OidcMode> parse_oidc_mode(std::string_view name) noexcept {
    return mode_of(kOidcModes, name);
}
std::string_view to_string(DiscoveryMode mode) noexcept {
    return name_of(kDiscoveryModes, mode);
}
std::string_view to_string(OidcMode mode) noexcept {
    return name_of(kOidcModes, mode);
}

std::string_view OidcSettings::override_of(std::string_view endpoint) const noexcept {
    const auto found = endpoint_overrides.find(endpoint);
    return found == endpoint_overrides.end() ? std::string_view{} : found->second;
}

json::Value to_json(const OidcSettings &settings) {
    json::Value out = json::Value::object();
    if (!settings.well_known_url.empty()) {
        out.set("well_known_url", settings.well_known_url);
    }
    if (!settings.endpoint_overrides.empty()) {
        json::Value overrides = json::Value::object();
        for (const auto &[name, url] : settings.endpoint_overrides) {
            overrides.set(name, url);
        }
        out.set("endpoint_overrides", std::move(overrides));
    }
    if (settings.discovery_mode) {
        out.set("discovery_mode", to_string(*settings.discovery_mode));
    }
    if (settings.mode) {
        out.set("oidc_mode", to_string(*settings.mode));
    }
    if (!settings.accepted_algorithms.empty()) {
        out.set("accepted_algorithms", settings.accepted_algorithms);
    }
    if (settings.clock_skew_s != kDefaultClockSkewS) {
        out.set("clock_skew", settings.clock_skew_s);
    }
    if (settings.jwks_ttl_s != 0) {
        out.set("jwks_ttl", settings.jwks_ttl_s);
    }
    if (settings.jwks_cooldown_s != kDefaultJwksCooldownS) {
        out.set("jwks_cooldown", settings.jwks_cooldown_s);
    }
    return out;
}

Result<OidcSettings> stored_oidc_settings(std::string_view text) {
    OidcSettings out;
    if (text.empty() || text == "{}") {
        return out;
    }
    const Result<json::Value> object = json::parse_object(text);
    if (!object) {
        return fail(Errc::kMalformedRecord, "the stored OpenID Connect settings are unreadable");
    }
    out.well_known_url = object->get("well_known_url").as_string();
    const json::Value overrides = object->get("endpoint_overrides");
    for (const std::string &name : overrides.names()) {
        out.endpoint_overrides[name] = overrides.get(name).as_string();
    }
    out.discovery_mode = parse_discovery_mode(object->get("discovery_mode").as_string());
    out.mode = parse_oidc_mode(object->get("oidc_mode").as_string());
    const json::Value algorithms = object->get("accepted_algorithms");
    for (size_t i = 0; i < algorithms.size(); ++i) {
        out.accepted_algorithms.emplace_back(algorithms.at(i).as_string());
    }
    const auto integer = [&](std::string_view name, int64_t fallback) {
        const json::Value value = object->get(name);
        return value.is_integer() ? value.as_integer() : fallback;
    };
    out.clock_skew_s = integer("clock_skew", kDefaultClockSkewS);
    out.jwks_ttl_s = integer("jwks_ttl", 0);
    out.jwks_cooldown_s = integer("jwks_cooldown", kDefaultJwksCooldownS);
    return out;
}

}  // namespace nexus::control
