// The OpenID Connect members of a provider's profile as users write them: read, and judged together with the
// rest of the profile, so that what contradicts itself is refused with both names in the sentence.
#pragma once

#include "control_plane/json/json.h"
#include "control_plane/oauth/profile.h"
#include "control_plane/oidc/settings.h"
#include "control_plane/store/provider_repository.h"

namespace nexus::control {

/// Reads well_known_url, endpoint_overrides, discovery_mode, oidc_mode, accepted_algorithms, clock_skew,
/// jwks_ttl and jwks_cooldown. Problems stay with the reader.
OidcSettings read_oidc_settings(json::ObjectReader &reader, const OAuthProfile &oauth);

/// After enable_discovery, issuer, auth_url and token_url were read into `provider`.
void refuse_oidc_contradictions(json::ObjectReader &reader, const store::Provider &provider,
                                const OidcSettings &settings);

/// Is this member one of OpenID Connect's, which static auth types do not have?
inline constexpr std::string_view kOidcMembers[] = {
    "well_known_url",      "endpoint_overrides", "discovery_mode", "oidc_mode",
    "accepted_algorithms", "clock_skew",         "jwks_ttl",       "jwks_cooldown",
};

}  // namespace nexus::control
