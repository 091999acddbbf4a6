// Token endpoint answers: see token_response.h.
#include "control_plane/oauth/token_response.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "control_plane/json/json.h"
#include "control_plane/oauth/authorization_url.h"
#include "control_plane/oauth/json_path.h"
#include "control_plane/oauth/variables.h"

namespace nexus::control {

namespace {

constexpr size_t kMaxTokenBytes = 16 * 1024;
constexpr size_t kMaxKeptBytes = 1024;
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
    constexpr std::array<std::string_view, 4> kLater{"temporarily_unavailable", "server_error", "slow_down",
                                                     "authorization_pending"};
    constexpr std::array<std::string_view, 10> kRefused{
        "invalid_request", "invalid_client", "unauthorized_client", "unsupported_grant_type",
        "invalid_scope",   "invalid_target", "invalid_dpop_proof",  "use_dpop_nonce",
        "access_denied",   "expired_token"};
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
std::optional<int64_t> read_expires_in(const json::Value &value, bool in_ms) {
    if (value.is_null()) {
        return std::nullopt;
    }
    std::string text = value.is_string() ? std::string{value.as_string()} : value.dump_text();
    char *end = nullptr;
    double seconds = std::strtod(text.c_str(), &end);
    if (end == text.c_str() || *end != '\0' || !std::isfinite(seconds) || seconds < 0) {
        return std::nullopt;
    }
    seconds = in_ms ? seconds / 1000 : seconds;
    return static_cast<int64_t>(std::min(seconds, static_cast<double>(kMaxExpiresInS)));
}

bool is_sane_token(std::string_view text) {
    return text.size() <= kMaxTokenBytes &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::string read_token_type(std::string_view type) {
    bool sane = !type.empty() && type.size() <= 64 && is_sane_token(type);
    return std::string{sane ? type : "Bearer"};
}

// Does `value` say that nothing is wrong? Some providers send `error` always.
bool is_no_error(const json::Value &value, bool passed_success_test) {
    std::string text = scalar_text(value);
    bool hollow = text.empty() || text == "0" || text == "false";
    return value.is_null() || (passed_success_test && hollow && !value.is_object() && !value.is_array());
}

bool passes(const SuccessTest &test, const json::Value &object) {
    json::Value got = at_path(object, test.path);
    return !got.is_null() && (got.equals(test.equals) || scalar_text(got) == scalar_text(test.equals));
}

// What the answer complains of; nullopt = of nothing.
std::optional<TokenResponse> complaint(const json::Value &object, const OAuthProfile &profile,
                                       const ResponsePaths &paths, int64_t retry_after_s) {
    bool passed = profile.success && passes(*profile.success, object);
    // A passed test leaves the standard's member only: the provider's own may say "success".
    json::Value error = passed ? object.get("error") : at_path(object, paths.error);
    if (is_no_error(error, passed)) {
        error = object.get("error");
    }
    if (is_no_error(error, passed) && (passed || !profile.success)) {
        return std::nullopt;
    }
    if (is_no_error(error, false)) {
        return failure(TokenOutcome::kConfiguration, "not_successful");
    }
    std::string code = scalar_text(error);
    const std::vector<std::string> &dead = profile.dead_grant_errors;
    if (std::find(dead.begin(), dead.end(), code) != dead.end()) {
        code = "invalid_grant";
    }
    return from_error_code(code, retry_after_s);
}

void read_scope(const json::Value &value, std::string_view separator, TokenResponse &out) {
    std::string scope{value.as_string()};
    if (value.is_array()) {
        for (size_t i = 0; i < value.size() && scope.size() <= 4096; ++i) {
            scope.append(scope.empty() ? "" : " ").append(value.at(i).as_string());
        }
    }
    if (!scope.empty() && scope.size() <= 4096 && is_sane_token(scope)) {
        out.scope = join_scopes(split_scopes(scope, separator));
    }
}

bool is_token_of(std::string_view text, const TokenResponse &out) {
    return constant_time_equal(text, out.access_token.view()) ||
           constant_time_equal(text, out.refresh_token.view()) ||
           constant_time_equal(text, out.id_token.view());
}

void read_kept_fields(const json::Value &object, const OAuthProfile &profile, TokenResponse &out) {
    for (const auto &[name, path] : profile.keep_response_fields) {
        std::string text = scalar_text(at_path(object, path));
        if (!text.empty() && text.size() <= kMaxKeptBytes && !is_token_of(text, out)) {
            out.kept.emplace_back(name, std::move(text));
        }
    }
    for (const OAuthVariable &variable : profile.variables) {
        if (variable.from != OAuthVariable::From::kResponse) {
            continue;
        }
        std::string text = scalar_text(at_path(object, variable.field));
        if (!text.empty() && !is_token_of(text, out) && is_value_of(variable, text)) {
            out.variables[variable.name] = std::move(text);
        }
    }
}

}  // namespace

TokenResponse parse_token_response(int status, std::string_view body, int64_t retry_after_s,
                                   const OAuthProfile &profile, const ResponsePaths &paths) {
    if (is_transient_status(status)) {
        return failure(TokenOutcome::kTransient, "status_" + std::to_string(status), retry_after_s);
    }
    Result<json::Value> object = json::parse_object(body);
    if (!object) {
        return failure(TokenOutcome::kConfiguration,
                       status == 200 ? "malformed_answer" : "status_" + std::to_string(status));
    }
    bool ok = status >= 200 && status <= 299;
    std::optional<TokenResponse> complained = complaint(*object, profile, paths, retry_after_s);
    if (complained && (ok || complained->reason != "not_successful")) {
        return std::move(*complained);
    }
    if (!ok) {
        return failure(TokenOutcome::kConfiguration, "status_" + std::to_string(status));
    }
    json::Value access_token = at_path(*object, paths.access_token);
    json::Value refresh_token = at_path(*object, paths.refresh_token);
    json::Value id_token = at_path(*object, paths.id_token);
    if (access_token.as_string().empty() || !is_sane_token(access_token.as_string()) ||
        !is_sane_token(refresh_token.as_string()) || !is_sane_token(id_token.as_string())) {
        return failure(TokenOutcome::kConfiguration, "malformed_answer");
    }
    TokenResponse out;
    out.outcome = TokenOutcome::kTokens;
    out.access_token = Secret{access_token.as_string()};
    out.refresh_token = Secret{refresh_token.as_string()};
    out.id_token = Secret{id_token.as_string()};
    json::Value token_type = at_path(*object, paths.token_type);
    out.token_type = read_token_type(token_type.as_string());
    out.expires_in_s = read_expires_in(at_path(*object, paths.expires_in), paths.expires_in_ms);
    if (!out.expires_in_s && profile.default_expires_in_s != 0) {
        out.expires_in_s = profile.default_expires_in_s;
    }
    read_scope(at_path(*object, paths.scope), profile.scope_separator, out);
    read_kept_fields(*object, profile, out);
    return out;
}

TokenResponse parse_token_response(int status, std::string_view body, int64_t retry_after_s) {
    const OAuthProfile standard;
    return parse_token_response(status, body, retry_after_s, standard, standard.response);
}

TokenResponse no_token_request(std::string reason) {
    return failure(TokenOutcome::kConfiguration, std::move(reason));
}

TokenResponse no_token_response(const Error &error) {
    if (error.errc == Errc::kEgressDenied) {
        return failure(TokenOutcome::kConfiguration, "egress_denied");
    }
    return failure(TokenOutcome::kTransient, "unreachable", error.retry_after_s);
}

}  // namespace nexus::control
