// Where a provider sends the person back to: one address for all, or one of the provider's own, by which an
// answer of another provider shows (mix-up, RFC 9700 section 4.4.2.2) where there is no `iss` to tell.
#pragma once

#include <string>

#include "control_plane/config/config.h"
#include "control_plane/oauth/profile.h"
#include "control_plane/store/provider_repository.h"

namespace nexus::control {

/// The last segment of a provider's own redirect URI; "" = it has none of its own.
inline std::string redirect_segment(const store::Provider &provider, const OAuthProfile &profile) {
    return profile.own_redirect_uri ? provider.id : std::string{};
}

inline std::string redirect_uri_of(const Config &config, const store::Provider &provider,
                                   const OAuthProfile &profile) {
    const std::string own = redirect_segment(provider, profile);
    return own.empty() ? config.redirect_uri() : config.redirect_uri() + "/" + own;
}

}  // namespace nexus::control
