// Token endpoint answers: see token_response.h.
#include "control_plane/oauth/token_response.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "control_plane/json/json.h"

namespace nexus::control {

namespace {

constexpr size_t kMaxTokenBytes = 16 * 1024;
constexpr int64_t kMaxExpiresInS = 10LL * 365 * 24 * 3600;

bool is_transient_status(int status) {
    return status == 408 || status == 425 || status == 429 || status >= 500;
}

TokenResponse failure(TokenOutcome outcome, std::string reason, int64_t retry_after_s = 0) {
    TokenResponse out;
    out.outcome = outcome;
    out.reason = std::move(reason);
    out.retry_after_s = retry_after_s;
    return out;
}

// Codes of RFC 6749 section 5.2, and what some providers say in place of invalid_grant on refresh.
TokenResponse from_error_code(std::string_view code, int64_t retry_after_s) {
    constexpr std::array<std::string_view, 3> kDeadGrant{"invalid_grant", "bad_refresh_token",
                                                         "bad_verification_code"};
    constexpr std::array<std::string_view, 3> kLater{"temporarily_unavailable", "server_error", "slow_down"};
    constexpr std::array<std::string_view, 6> kRefused{"invalid_request",     "invalid_client",
                                                       "unauthorized_client", "unsupported_grant_type",
                                                       "invalid_scope",       "invalid_target"};
    if (std::find(kDeadGrant.begin(), kDeadGrant.end(), code) != kDeadGrant.end()) {
        return failure(TokenOutcome::kInvalidGrant, "invalid_grant");
    }
    if (std::find(kLater.begin(), kLater.end(), code) != kLater.end()) {
        return failure(TokenOutcome::kTransient, std::string{code}, retry_after_s);
    }
    if (std::find(kRefused.begin(), kRefused.end(), code) != kRefused.end()) {
        return failure(TokenOutcome::kConfiguration, std::string{code});
    }
    return failure(TokenOutcome::kConfiguration, "unknown_error");
}

// A number, or a number in a string: both are met in the wild. Nonsense and negative values count as absent.
std::optional<int64_t> read_expires_in(const json::Value &value) {
    if (value.is_null()) {
        return std::nullopt;
    }
    std::string text = value.is_string() ? std::string{value.as_string()} : value.dump_text();
    char *end = nullptr;
    double seconds = std::strtod(text.c_str(), &end);
    if (end == text.c_str() || *end != '\0' || !std::isfinite(seconds) || seconds < 0) {
        return std::nullopt;
    }
    return static_cast<int64_t>(std::min(seconds, static_cast<double>(kMaxExpiresInS)));
}

bool is_sane_token(std::string_view text) {
    return text.size() <= kMaxTokenBytes &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::string read_token_type(const json::Value &object) {
    std::string_view type = object.get("token_type").as_string();
    bool sane = !type.empty() && type.size() <= 64 && is_sane_token(type);
    return std::string{sane ? type : "Bearer"};
}

}  // namespace

TokenResponse parse_token_response(int status, std::string_view body, int64_t retry_after_s) {
    if (is_transient_status(status)) {
        return failure(TokenOutcome::kTransient, "status_" + std::to_string(status), retry_after_s);
    }
    Result<json::Value> object = json::parse_object(body);
    if (!object) {
        return failure(TokenOutcome::kConfiguration,
                       status == 200 ? "malformed_answer" : "status_" + std::to_string(status));
    }
    json::Value error = object->get("error");
    if (!error.is_null()) {
        return from_error_code(error.as_string(), retry_after_s);
    }
    if (status < 200 || status > 299) {
        return failure(TokenOutcome::kConfiguration, "status_" + std::to_string(status));
    }
    std::string_view access_token = object->get("access_token").as_string();
    std::string_view refresh_token = object->get("refresh_token").as_string();
    std::string_view id_token = object->get("id_token").as_string();
    if (access_token.empty() || !is_sane_token(access_token) || !is_sane_token(refresh_token) ||
        !is_sane_token(id_token)) {
        return failure(TokenOutcome::kConfiguration, "malformed_answer");
    }
    TokenResponse out;
    out.outcome = TokenOutcome::kTokens;
    out.access_token = Secret{access_token};
    out.refresh_token = Secret{refresh_token};
    out.id_token = Secret{id_token};
    out.token_type = read_token_type(*object);
    out.expires_in_s = read_expires_in(object->get("expires_in"));
    std::string_view scope = object->get("scope").as_string();
    if (!scope.empty() && scope.size() <= 4096 && is_sane_token(scope)) {
        out.scope = std::string{scope};
    }
    return out;
}

TokenResponse no_token_response(const Error &error) {
    if (error.errc == Errc::kEgressDenied) {
        return failure(TokenOutcome::kConfiguration, "egress_denied");
    }
    return failure(TokenOutcome::kTransient, "unreachable", error.retry_after_s);
}

}  // namespace nexus::control
