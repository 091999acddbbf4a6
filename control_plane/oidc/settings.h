// What a provider's profile says about OpenID Connect: where its documents are, whether they are used, what
// an id_token must look like. Read from users by services/provider_oidc, stored as one JSON text.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control_plane/json/json.h"
#include "shared/result.h"

namespace nexus::control {

enum class DiscoveryMode : uint8_t {
    kPreferDiscovery,  // the document's endpoints; the profile's own where it has none, or cannot be had
    kForceStatic,      // the profile's own; of the document only the keys' place
};

enum class OidcMode : uint8_t {
    kVerified,  // an id_token is verified before anything of the answer is kept
    kOpaque,    // id_tokens are neither asked for with a nonce, nor looked at, nor kept
};

std::optional<DiscoveryMode> parse_discovery_mode(std::string_view name) noexcept;
std::optional<OidcMode> parse_oidc_mode(std::string_view name) noexcept;
std::string_view to_string(DiscoveryMode mode) noexcept;
std::string_view to_string(OidcMode mode) noexcept;

inline constexpr int64_t kDefaultClockSkewS = 120;
inline constexpr int64_t kDefaultJwksCooldownS = 30;

struct OidcSettings {
    std::string well_known_url;  // template; "" = below the issuer
    std::map<std::string, std::string, std::less<>>
        endpoint_overrides;                        // of kOverridableEndpoints; templates
    std::optional<DiscoveryMode> discovery_mode;   // nullopt = the profile's own, and the document's where it has none
    std::optional<OidcMode> mode;                  // nullopt = OIDC_MODE
    std::vector<std::string> accepted_algorithms;  // empty = all that are known
    int64_t clock_skew_s = kDefaultClockSkewS;
    int64_t jwks_ttl_s = 0;  // 0 = what its HTTP answer says, within bounds
    int64_t jwks_cooldown_s = kDefaultJwksCooldownS;

    std::string_view override_of(std::string_view endpoint) const noexcept;  // "" = none
    bool is_forced_static() const noexcept { return discovery_mode == DiscoveryMode::kForceStatic; }
};

/// Members of a discovery document that a profile may set itself.
inline constexpr std::string_view kOverridableEndpoints[] = {
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "jwks_uri",
    "revocation_endpoint",
    "pushed_authorization_request_endpoint",
    "device_authorization_endpoint",
};

/// Members that differ from their defaults only.
json::Value to_json(const OidcSettings &settings);
/// Of a stored text; "" and "{}" are the defaults. errors kMalformedRecord
Result<OidcSettings> stored_oidc_settings(std::string_view text);

/// An issuer as Discovery looks it up: its {variables} filled in.
struct IssuerSource {
    std::string issuer;
    std::string well_known_url;  // "" = below the issuer
    std::string jwks_uri;        // "" = the document's
    std::string provider;        // its name, for metrics
    int64_t jwks_ttl_s = 0;
    int64_t jwks_cooldown_s = kDefaultJwksCooldownS;
};

}  // namespace nexus::control
