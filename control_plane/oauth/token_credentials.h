// Turns a token endpoint's answer into what is stored for a connection.
#pragma once

#include "control_plane/oauth/stored_credentials.h"
#include "control_plane/oauth/token_response.h"
#include "shared/clock.h"

namespace nexus::control {

/// usage: access_token, token_type, scope (where known). The refresh token is the answer's, or
/// `previous_refresh_token` where the answer has none (RFC 6749 section 6). The id_token is not taken: it is
/// added once it is verified.
StoredCredentials credentials_from(TokenResponse &response, const Secret &previous_refresh_token);

/// asked_at  when the request was sent: the provider counts from some later moment, in whole seconds, so
/// counting from
///           here (rounded down) never takes an expired token for a good one
/// returns   0 = the provider did not say: the token counts as one that does not expire
UnixMs expires_at_from(const TokenResponse &response, UnixMs asked_at) noexcept;

}  // namespace nexus::control
