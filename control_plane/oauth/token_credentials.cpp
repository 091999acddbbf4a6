// From a token answer to stored credentials: see token_credentials.h.
#include "control_plane/oauth/token_credentials.h"

namespace nexus::control {

StoredCredentials credentials_from(TokenResponse &response, const Secret &previous_refresh_token) {
    StoredCredentials out;
    out.usage.emplace_back("access_token", std::move(response.access_token));
    out.usage.emplace_back("token_type", Secret{std::string_view{response.token_type}});
    if (response.scope) {
        out.usage.emplace_back("scope", Secret{std::string_view{*response.scope}});
    }
    out.refresh_token =
        response.refresh_token.empty() ? previous_refresh_token.clone() : std::move(response.refresh_token);
    return out;
}

UnixMs expires_at_from(const TokenResponse &response, UnixMs asked_at) noexcept {
    return response.expires_in_s ? asked_at - asked_at % 1000 + *response.expires_in_s * 1000 : 0;
}

}  // namespace nexus::control
