// Refusals of token endpoints: see token_outcome.h.
#include "control_plane/oauth/token_outcome.h"

#include <algorithm>
#include <array>
#include <optional>

#include "control_plane/oauth/json_path.h"

namespace nexus::control {

namespace {

using Means = RefreshErrorRule::Means;

struct KnownCode {
    std::string_view code;
    TokenOutcome outcome;
};

// RFC 6749 section 5.2, RFC 8628 section 3.5, OpenID Connect Core section 3.1.2.6, RFC 8707, RFC 9449, RFC
// 9470, and what several providers say in place of these. A code that one provider only has is a profile's
// business.
constexpr std::array kKnownCodes{
    KnownCode{"invalid_grant", TokenOutcome::kInvalidGrant},
    KnownCode{"bad_refresh_token", TokenOutcome::kInvalidGrant},
    KnownCode{"bad_verification_code", TokenOutcome::kInvalidGrant},
    KnownCode{"expired_refresh_token", TokenOutcome::kInvalidGrant},
    KnownCode{"invalid_refresh_token", TokenOutcome::kInvalidGrant},
    KnownCode{"refresh_token_expired", TokenOutcome::kInvalidGrant},
    KnownCode{"refresh_token_revoked", TokenOutcome::kInvalidGrant},
    KnownCode{"account_selection_required", TokenOutcome::kUserAction},
    KnownCode{"consent_required", TokenOutcome::kUserAction},
    KnownCode{"insufficient_user_authentication", TokenOutcome::kUserAction},
    KnownCode{"interaction_required", TokenOutcome::kUserAction},
    KnownCode{"login_required", TokenOutcome::kUserAction},
    KnownCode{"mfa_required", TokenOutcome::kUserAction},
    KnownCode{"reauthentication_required", TokenOutcome::kUserAction},
    KnownCode{"unmet_authentication_requirements", TokenOutcome::kUserAction},
    KnownCode{"over_rate_limit", TokenOutcome::kThrottled},
    KnownCode{"rate_limit", TokenOutcome::kThrottled},
    KnownCode{"rate_limit_error", TokenOutcome::kThrottled},
    KnownCode{"rate_limit_exceeded", TokenOutcome::kThrottled},
    KnownCode{"rate_limited", TokenOutcome::kThrottled},
    KnownCode{"ratelimited", TokenOutcome::kThrottled},
    KnownCode{"request_limit_exceeded", TokenOutcome::kThrottled},
    KnownCode{"slow_down", TokenOutcome::kThrottled},
    KnownCode{"throttled", TokenOutcome::kThrottled},
    KnownCode{"throttling_exception", TokenOutcome::kThrottled},
    KnownCode{"too_many_requests", TokenOutcome::kThrottled},
    KnownCode{"authorization_pending", TokenOutcome::kTransient},
    KnownCode{"internal_error", TokenOutcome::kTransient},
    KnownCode{"internal_failure", TokenOutcome::kTransient},
    KnownCode{"internal_server_error", TokenOutcome::kTransient},
    KnownCode{"server_error", TokenOutcome::kTransient},
    KnownCode{"service_unavailable", TokenOutcome::kTransient},
    KnownCode{"temporarily_unavailable", TokenOutcome::kTransient},
    KnownCode{"access_denied", TokenOutcome::kConfiguration},
    KnownCode{"expired_token", TokenOutcome::kConfiguration},  // a device code's
    KnownCode{"incorrect_client_credentials", TokenOutcome::kConfiguration},
    KnownCode{"invalid_client", TokenOutcome::kConfiguration},
    KnownCode{"invalid_client_credentials", TokenOutcome::kConfiguration},
    KnownCode{"invalid_client_id", TokenOutcome::kConfiguration},
    KnownCode{"invalid_dpop_proof", TokenOutcome::kConfiguration},
    KnownCode{"invalid_request", TokenOutcome::kConfiguration},
    KnownCode{"invalid_resource", TokenOutcome::kConfiguration},
    KnownCode{"invalid_scope", TokenOutcome::kConfiguration},
    KnownCode{"invalid_target", TokenOutcome::kConfiguration},
    KnownCode{"unauthorized_client", TokenOutcome::kConfiguration},
    KnownCode{"unsupported_grant_type", TokenOutcome::kConfiguration},
    KnownCode{"use_dpop_nonce", TokenOutcome::kConfiguration},
};

const KnownCode *find_code(std::string_view code) {
    const auto *found = std::find_if(kKnownCodes.begin(), kKnownCodes.end(),
                                     [&](const KnownCode &known) { return known.code == code; });
    return found == kKnownCodes.end() ? nullptr : found;
}

// Codes that say the same of a dead grant have one reason.
TokenFailure failure_of(const KnownCode &known) {
    const bool is_dead = known.outcome == TokenOutcome::kInvalidGrant;
    return {known.outcome, std::string{is_dead ? "invalid_grant" : known.code}};
}

std::string status_reason(int status) {
    return "status_" + std::to_string(status);
}

bool is_success(int status) {
    return status >= 200 && status <= 299;
}

// With these statuses a server says that it did not get as far as the grant, whatever its body says.
bool speaks_of_grants(int status) {
    return status != 408 && status != 425 && status != 429 && status < 500;
}

// Said by whoever stands before the token endpoint: RFC 9110 section 15.6, and Cloudflare's own (520 to 527,
// 530).
bool is_gateway_status(int status) {
    return (status >= 502 && status <= 504) || (status >= 520 && status <= 527) || status == 530;
}

TokenOutcome outcome_of(Means means) {
    switch (means) {
        case Means::kUserAction:
            return TokenOutcome::kUserAction;
        case Means::kRevoked:
            return TokenOutcome::kInvalidGrant;
        case Means::kThrottled:
            return TokenOutcome::kThrottled;
        case Means::kTransient:
            return TokenOutcome::kTransient;
        case Means::kConfiguration:
            break;
    }
    return TokenOutcome::kConfiguration;
}

bool is_among(const std::vector<std::string> &texts, std::string_view text) {
    return !text.empty() && std::find(texts.begin(), texts.end(), text) != texts.end();
}

// What the status says by itself; nullopt = the body has the word.
std::optional<TokenFailure> by_status(int status) {
    if (status == 429) {
        return TokenFailure{TokenOutcome::kThrottled, status_reason(status)};
    }
    if (status == 408 || status == 425) {
        return TokenFailure{TokenOutcome::kTransient, status_reason(status)};
    }
    if (is_gateway_status(status)) {
        return TokenFailure{TokenOutcome::kOutage, status_reason(status)};
    }
    return std::nullopt;
}

// RFC 8259 section 2: blanks may come first. A byte order mark comes before pages, and is of no interest.
char first_character(std::string_view body) {
    const size_t at = body.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
    return at == std::string_view::npos ? '\0' : body[at];
}

bool begins_as_json(std::string_view body) {
    const char first = first_character(body);
    return first == '{' || first == '[';
}

}  // namespace

bool is_passing(TokenOutcome outcome) noexcept {
    return outcome == TokenOutcome::kThrottled || outcome == TokenOutcome::kTransient ||
           outcome == TokenOutcome::kOutage;
}

std::optional<TokenFailure> known_refusal(int status, const json::Value &answer, std::string_view code,
                                          const OAuthProfile &profile, std::string_view error_path) {
    for (const RefreshErrorRule &rule : profile.refresh_errors) {
        const bool costs_connection = rule.means == Means::kRevoked || rule.means == Means::kUserAction;
        const std::string_view path = rule.path.empty() ? error_path : rule.path;
        if ((!costs_connection || speaks_of_grants(status)) &&
            (is_among(rule.equals, scalar_text(at_path(answer, path))) ||
             (rule.path.empty() && is_among(rule.equals, code)))) {
            return TokenFailure{outcome_of(rule.means), rule.reason};
        }
    }
    if (speaks_of_grants(status) && is_among(profile.dead_grant_errors, code)) {
        return TokenFailure{TokenOutcome::kInvalidGrant, "invalid_grant"};
    }
    return std::nullopt;
}

TokenFailure refusal(int status, const json::Value &answer, std::string_view code,
                     const OAuthProfile &profile, std::string_view error_path) {
    if (std::optional<TokenFailure> said = known_refusal(status, answer, code, profile, error_path)) {
        return std::move(*said);
    }
    const KnownCode *known = find_code(code);
    if (known != nullptr && known->outcome == TokenOutcome::kThrottled) {
        return failure_of(*known);
    }
    if (std::optional<TokenFailure> said = by_status(status)) {
        return std::move(*said);
    }
    if (status >= 500) {
        return {TokenOutcome::kTransient, status_reason(status)};
    }
    if (known != nullptr) {
        return failure_of(*known);
    }
    // Never a dead grant: what nobody knows may be anything.
    if (!code.empty()) {
        return {TokenOutcome::kConfiguration, "unknown_error"};
    }
    return {TokenOutcome::kConfiguration, !is_success(status) ? status_reason(status)
                                          : profile.success   ? "not_successful"
                                                              : "unknown_error"};
}

TokenFailure unreadable(int status, std::string_view body) {
    if (is_success(status)) {
        // A page is of whoever stands before the token endpoint, which therefore was not asked. Anything else
        // may be what is left of an answer with tokens.
        if (first_character(body) == '<') {
            return {TokenOutcome::kOutage, "malformed_answer"};
        }
        const bool is_rest = body.empty() || begins_as_json(body);
        return {is_rest ? TokenOutcome::kTransient : TokenOutcome::kConfiguration, "malformed_answer", true};
    }
    if (std::optional<TokenFailure> said = by_status(status)) {
        return std::move(*said);
    }
    if (status == 301 || status == 308) {
        return {TokenOutcome::kConfiguration, status_reason(status)};  // the endpoint has moved for good
    }
    return {begins_as_json(body) ? TokenOutcome::kTransient : TokenOutcome::kOutage, status_reason(status)};
}

}  // namespace nexus::control
