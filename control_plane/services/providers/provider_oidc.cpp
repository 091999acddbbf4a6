// The OpenID Connect members of a profile: see provider_oidc.h.
#include "control_plane/services/providers/provider_oidc.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "shared/jose/jwk_set.h"

namespace nexus::control {

namespace {

constexpr int64_t kMaxClockSkewS = 600;
constexpr int64_t kMinJwksTtlS = 60;
constexpr int64_t kMaxJwksTtlS = 24 * 3600;
constexpr int64_t kMaxCooldownS = 3600;

void read_template(json::ObjectReader &reader, const OAuthProfile &oauth, const std::string &member,
                   std::string url, std::string &into) {
    if (url.empty()) {
        return;
    }
    const Result<void> checked = check_url_template(oauth, url, OAuthVariable::From::kUser, member);
    if (!checked) {
        // Behind "member NAME ", which the reader says itself.
        const std::string &message = checked.error().message;
        reader.refuse(member, message.substr(std::string_view{"member "}.size() + member.size() + 1));
        return;
    }
    into = std::move(url);
}

void read_overrides(json::ObjectReader &reader, const OAuthProfile &oauth, OidcSettings &out) {
    const json::Value overrides = reader.object_or_null("endpoint_overrides");
    for (const std::string &name : overrides.names()) {
        const std::string member = "endpoint_overrides." + name;
        if (std::find(std::begin(kOverridableEndpoints), std::end(kOverridableEndpoints), name) ==
            std::end(kOverridableEndpoints)) {
            reader.refuse(member, "is no endpoint that can be overridden");
            continue;
        }
        const json::Value url = overrides.get(name);
        if (!url.is_string() || url.as_string().size() > 2048) {
            reader.refuse(member, "must be a string of at most 2048 bytes");
            continue;
        }
        std::string text;
        read_template(reader, oauth, member, std::string{url.as_string()}, text);
        if (!text.empty()) {
            out.endpoint_overrides[name] = std::move(text);
        }
    }
}

template <typename Mode>
std::optional<Mode> read_mode(json::ObjectReader &reader, std::string_view member,
                              std::optional<Mode> (*parse)(std::string_view) noexcept,
                              std::string_view sentence) {
    const std::string text = reader.string_or(member, "", 64);
    std::optional<Mode> mode = parse(text);
    if (!mode && !text.empty()) {
        reader.refuse(member, sentence);
    }
    return mode;
}

void read_algorithms(json::ObjectReader &reader, OidcSettings &out) {
    out.accepted_algorithms = reader.strings_or_empty("accepted_algorithms", 16, 16);
    const std::set<std::string> distinct(out.accepted_algorithms.begin(), out.accepted_algorithms.end());
    for (const std::string &name : out.accepted_algorithms) {
        if (jose::find_signature_algorithm(name) == nullptr) {
            reader.refuse(
                "accepted_algorithms",
                "must hold signature algorithms with public keys: RS256, PS256, ES256 and the like; "
                "never none or HS256");
            return;
        }
    }
    if (distinct.size() != out.accepted_algorithms.size()) {
        reader.refuse("accepted_algorithms", "must name each algorithm once");
    }
}

}  // namespace

OidcSettings read_oidc_settings(json::ObjectReader &reader, const OAuthProfile &oauth) {
    OidcSettings out;
    read_template(reader, oauth, "well_known_url", reader.string_or("well_known_url", ""),
                  out.well_known_url);
    read_overrides(reader, oauth, out);
    out.discovery_mode = read_mode<DiscoveryMode>(reader, "discovery_mode", parse_discovery_mode,
                                                  "must be prefer_discovery or force_static");
    out.mode = read_mode<OidcMode>(reader, "oidc_mode", parse_oidc_mode, "must be verified or opaque");
    read_algorithms(reader, out);
    out.clock_skew_s = reader.integer_or("clock_skew", kDefaultClockSkewS, 0, kMaxClockSkewS);
    out.jwks_ttl_s = reader.integer_or("jwks_ttl", 0, 0, kMaxJwksTtlS);
    if (out.jwks_ttl_s != 0 && out.jwks_ttl_s < kMinJwksTtlS) {
        reader.refuse("jwks_ttl", "must be 0 (as the provider says) or 60 to 86400 seconds");
    }
    out.jwks_cooldown_s = reader.integer_or("jwks_cooldown", kDefaultJwksCooldownS, 1, kMaxCooldownS);
    return out;
}

void refuse_oidc_contradictions(json::ObjectReader &reader, const store::Provider &provider,
                                const OidcSettings &settings) {
    if (!provider.enable_discovery && settings.discovery_mode == DiscoveryMode::kPreferDiscovery) {
        reader.refuse("discovery_mode", "prefer_discovery needs enable_discovery");
    }
    if (!settings.well_known_url.empty() && provider.issuer.empty()) {
        reader.refuse("well_known_url", "needs issuer, which its document must name");
    }
    if (settings.mode == OidcMode::kVerified && provider.issuer.empty()) {
        reader.refuse("oidc_mode", "verified needs issuer, whose id_tokens are believed");
    }
    const bool is_opaque = settings.mode == OidcMode::kOpaque;
    for (const auto &[member, is_given] :
         {std::pair{"accepted_algorithms", !settings.accepted_algorithms.empty()},
          std::pair{"jwks_ttl", settings.jwks_ttl_s != 0}}) {
        if (is_given && (is_opaque || provider.issuer.empty())) {
            reader.refuse(member, is_opaque ? "has no meaning with oidc_mode opaque" : "needs issuer");
        }
    }
    if (!settings.override_of("jwks_uri").empty() && provider.issuer.empty()) {
        reader.refuse("endpoint_overrides.jwks_uri", "needs issuer, whose keys they are");
    }
}

}  // namespace nexus::control
