// What a token endpoint's answer that brings no tokens means: a dead grant, a person's or the operator's
// business, too many requests, a passing fault, or a provider that is away. Only the first two can cost a
// connection, so they need the provider's own word; everything doubtful is one of the others. Reading tokens
// is token_response's business, and what follows from an outcome its caller's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control_plane/json/json.h"
#include "control_plane/oauth/profile.h"

namespace nexus::control {

enum class TokenOutcome : uint8_t {
    kTokens,         // usable tokens
    kInvalidGrant,   // the code or refresh token is dead
    kUserAction,     // the grant lives, the person must do something: a second factor, consent, a login
    kThrottled,      // asked too often
    kTransient,      // this request failed, and the same one may work later; or not yet (device flow)
    kOutage,         // no answer, or one that is not the token endpoint's: the provider as a whole is away
    kConfiguration,  // the provider refuses the client or the request; or its answer is no token answer
};

/// Does the same request have a chance later, without anybody's doing?
bool is_passing(TokenOutcome outcome) noexcept;

struct TokenFailure {
    TokenOutcome outcome = TokenOutcome::kConfiguration;
    std::string reason;            // from a fixed list, or the profile's own word
    bool may_be_redeemed = false;  // the request may have used up what it sent, for nothing
};

/// Of an answer in JSON that fails, at any status.
///
/// code        text of the error that the answer names; "" = none
/// error_path  where the answer's errors are, for rules that name no path
TokenFailure refusal(int status, const json::Value &answer, std::string_view code,
                     const OAuthProfile &profile, std::string_view error_path);

/// What the profile itself says of such an answer: the first rule that matches, else a dead grant's own code.
std::optional<TokenFailure> known_refusal(int status, const json::Value &answer, std::string_view code,
                                          const OAuthProfile &profile, std::string_view error_path);

/// Of an answer that is no JSON: a page of a load balancer, nothing at all, JSON cut short.
TokenFailure unreadable(int status, std::string_view body);

}  // namespace nexus::control
