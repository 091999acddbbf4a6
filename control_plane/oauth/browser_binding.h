// Binds a flow to the browser that started it: a random secret in a cookie, its digest in the signed state.
// Whoever brings a state back without the cookie is somebody else, sent here with a link of another person's
// flow (RFC 9700 section 4.7). Nothing of it is stored.
#pragma once

#include <string>
#include <string_view>

#include "control_plane/oauth/state_token.h"

namespace nexus::control {

struct FlowCookie {
    std::string name;
    std::string secret;  // 43 characters of base64url

    /// The Set-Cookie value. secure: BASE_URL is https. max_age_s 0 takes the cookie away.
    std::string header(bool secure, int64_t max_age_s) const;
};

/// One cookie per flow, so that several tabs do not disturb each other. Under https its name has the prefix
/// that no other host and no plain connection can set (RFC 6265bis section 4.1.3.2).
std::string flow_cookie_name(std::string_view flow_id, bool secure);

/// The flow's cookie of this browser: the one it sent (a second tab), or a new one.
FlowCookie flow_cookie(std::string_view cookie_header, std::string_view flow_id, bool secure);

/// The claim that binds a state to the cookie.
std::string browser_claim(std::string_view secret);

/// Did the browser that sent this Cookie header start the flow? Never for a ticket. Constant time.
bool is_from_its_browser(const StateClaims &claims, std::string_view cookie_header, bool secure);

}  // namespace nexus::control
