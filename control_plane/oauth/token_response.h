// Reads a token endpoint's answer (RFC 6749 sections 5.1 and 5.2) and says what it means. The provider's text
// goes no further than this file: outcomes carry codes from a fixed list.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

enum class TokenOutcome : uint8_t {
    kTokens,         // usable tokens
    kInvalidGrant,   // the code or refresh token is dead
    kTransient,      // 408, 429, 5xx, no answer: try again later, nothing is known
    kConfiguration,  // the provider refuses the client or the request; or its answer is no token answer
};

struct TokenResponse {
    TokenOutcome outcome = TokenOutcome::kConfiguration;
    std::string reason;         // from a fixed list: "invalid_client", "malformed_answer", "status_503", ...
    int64_t retry_after_s = 0;  // kTransient: what the provider asked for, 0 = nothing

    Secret access_token;
    std::string token_type;  // "Bearer" where the provider says nothing
    Secret refresh_token;    // empty = none given
    Secret id_token;         // empty = none given; not verified
    std::optional<int64_t> expires_in_s;
    std::optional<std::string> scope;
};

/// A 200 that carries an `error` member, or no access_token, is a failure.
TokenResponse parse_token_response(int status, std::string_view body, int64_t retry_after_s);

/// What no answer at all means.
TokenResponse no_token_response(const Error &error);

}  // namespace nexus::control
