// What a profile says of refreshing: where, with what, how often, whether a refresh token is good for one
// use, and what the provider's own error codes mean. Here it is read; token_response goes by the error codes,
// the refresh engine by the rest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control_plane/json/json.h"
#include "shared/result.h"

namespace nexus::control {

struct OAuthProfile;

/// What becomes of a refresh token that is redeemed a second time. It decides what is done after a redemption
/// whose answer never came.
struct RefreshReuse {
    enum class Use : uint8_t {
        kUnknown,    // the profile does not say
        kReusable,   // the same refresh token may be sent again
        kSingleUse,  // strict rotation: a second use may cost the whole grant (RFC 9700 section 4.14.2)
    };

    Use use = Use::kUnknown;
    int64_t grace_s = 0;  // kSingleUse: seconds in which a second use gets the same answer, 0 = none
};

/// At most `requests` token requests in any `window_s` seconds.
struct RateLimit {
    enum class Per : uint8_t { kClient, kConnection };

    int64_t requests = 0;
    int64_t window_s = 0;
    Per per = Per::kClient;
    int64_t burst = 0;  // requests that may come at once; 0 = not said
};

/// What an error code of the provider's means.
struct RefreshErrorRule {
    enum class Means : uint8_t { kUserAction, kRevoked, kThrottled, kTransient, kConfiguration };

    std::string path;                 // in the answer; "" = where its error is
    std::vector<std::string> equals;  // any of them
    Means means = Means::kConfiguration;
    std::string reason;  // snake_case, the operator's word for it
};

/// Reads refresh_url, refresh_with, refresh_token_use, reuse_grace_s, rate_limits, refresh_errors and
/// dead_grant_errors.
/// path     for errors: "profile.oauth"
/// problem  the first one inside a list's elements
void read_refresh(json::ObjectReader &reader, const std::string &path, OAuthProfile &out,
                  std::optional<Error> &problem);

}  // namespace nexus::control
