// Reads a token endpoint's answer (RFC 6749 sections 5.1 and 5.2, and what the profile says of the provider's
// own shape) and says what it means; of failures that is token_outcome's business. The provider's text goes
// no further than these two: outcomes carry codes from a fixed list.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control_plane/oauth/profile.h"
#include "control_plane/oauth/token_outcome.h"
#include "control_plane/oauth/url_template.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

struct TokenResponse {
    TokenOutcome outcome = TokenOutcome::kConfiguration;
    std::string reason;         // from a fixed list: "invalid_client", "malformed_answer", "status_503", ...
    int64_t retry_after_s = 0;  // is_passing(outcome): what the provider asked for, 0 = nothing
    /// Of a failure: the request was sent, and what it redeemed may be used up, for an answer that is lost.
    bool may_be_redeemed = false;

    Secret access_token;
    std::string token_type;               // "Bearer" where the provider says nothing
    Secret refresh_token;                 // empty = none given
    Secret id_token;                      // empty = none given; not verified
    std::optional<int64_t> expires_in_s;  // the answer's, or the profile's default
    std::optional<std::string> scope;     // separated by blanks, whatever the provider's separator
    NamedTexts kept;      // keep_response_fields, for the connection's metadata: never a token
    Variables variables;  // `from: response`, those that match their patterns
};

/// A 200 that carries an error, fails the profile's success test or has no access_token, is a failure.
/// response  the profile's paths, or a chain's own
TokenResponse parse_token_response(int status, std::string_view body, int64_t retry_after_s,
                                   const OAuthProfile &profile, const ResponsePaths &response);
/// The same for a provider that follows the standard.
TokenResponse parse_token_response(int status, std::string_view body, int64_t retry_after_s);

/// What no answer at all means: kOutage, "unreachable" (nothing was sent) or "no_answer" (of kProviderSilent:
/// may_be_redeemed); kConfiguration, "egress_denied".
TokenResponse no_token_response(const Error &error);
/// A request that could not even be made: reason "missing_variable", "invalid_client_key",
/// "dpop_not_bound" (the provider ignored the proof), "dpop_not_asked_for".
TokenResponse no_token_request(std::string reason);

}  // namespace nexus::control
