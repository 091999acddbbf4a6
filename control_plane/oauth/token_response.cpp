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

TokenResponse failed(TokenFailure failure, int64_t retry_after_s = 0) {
    TokenResponse out;
    out.outcome = failure.outcome;
    out.reason = std::move(failure.reason);
    out.may_be_redeemed = failure.may_be_redeemed;
    out.retry_after_s = is_passing(out.outcome) ? retry_after_s : 0;
    return out;
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

// The code of what the answer complains of, "" = it names none; nullopt = it complains of nothing.
std::optional<std::string> complaint(const json::Value &answer, const OAuthProfile &profile,
                                     const ResponsePaths &paths) {
    const bool passed = profile.success && passes(*profile.success, answer);
    // A passed test leaves the standard's member only: the provider's own may say "success".
    json::Value error = passed ? answer.get("error") : at_path(answer, paths.error);
    if (is_no_error(error, passed)) {
        error = answer.get("error");
    }
    if (is_no_error(error, passed) && (passed || !profile.success)) {
        return std::nullopt;
    }
    return scalar_text(error);
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

TokenResponse refused(int status, const json::Value &answer, std::string_view code, int64_t retry_after_s,
                      const OAuthProfile &profile, const ResponsePaths &paths) {
    TokenResponse out = failed(refusal(status, answer, code, profile, paths.error), retry_after_s);
    // An error at 200 beside a token: it is not used, and may have cost the old one.
    out.may_be_redeemed = status >= 200 && status <= 299 && !at_path(answer, paths.access_token).is_null();
    return out;
}

// A success without tokens: the error of a provider that says so in its own way, which its profile knows; or
// no token answer at all.
TokenResponse no_tokens(int status, const json::Value &answer, int64_t retry_after_s,
                        const OAuthProfile &profile, const ResponsePaths &paths) {
    if (std::optional<TokenFailure> known = known_refusal(status, answer, "", profile, paths.error)) {
        return failed(std::move(*known), retry_after_s);
    }
    return failed({TokenOutcome::kConfiguration, "malformed_answer", true});
}

TokenResponse read_tokens(int status, const json::Value &answer, int64_t retry_after_s,
                          const OAuthProfile &profile, const ResponsePaths &paths) {
    json::Value access_token = at_path(answer, paths.access_token);
    json::Value refresh_token = at_path(answer, paths.refresh_token);
    json::Value id_token = at_path(answer, paths.id_token);
    if (access_token.as_string().empty() || !is_sane_token(access_token.as_string()) ||
        !is_sane_token(refresh_token.as_string()) || !is_sane_token(id_token.as_string())) {
        return no_tokens(status, answer, retry_after_s, profile, paths);
    }
    TokenResponse out;
    out.outcome = TokenOutcome::kTokens;
    out.access_token = Secret{access_token.as_string()};
    out.refresh_token = Secret{refresh_token.as_string()};
    out.id_token = Secret{id_token.as_string()};
    json::Value token_type = at_path(answer, paths.token_type);
    out.token_type = read_token_type(token_type.as_string());
    out.expires_in_s = read_expires_in(at_path(answer, paths.expires_in), paths.expires_in_ms);
    if (!out.expires_in_s && profile.default_expires_in_s != 0) {
        out.expires_in_s = profile.default_expires_in_s;
    }
    read_scope(at_path(answer, paths.scope), profile.scope_separator, out);
    read_kept_fields(answer, profile, out);
    return out;
}

}  // namespace

TokenResponse parse_token_response(int status, std::string_view body, int64_t retry_after_s,
                                   const OAuthProfile &profile, const ResponsePaths &paths) {
    Result<json::Value> answer = json::parse(body);
    if (!answer) {
        return failed(unreadable(status, body), retry_after_s);
    }
    const bool ok = status >= 200 && status <= 299;
    const std::optional<std::string> complained = complaint(*answer, profile, paths);
    if (!ok || complained) {
        return refused(status, *answer, complained.value_or(""), retry_after_s, profile, paths);
    }
    return read_tokens(status, *answer, retry_after_s, profile, paths);
}

TokenResponse parse_token_response(int status, std::string_view body, int64_t retry_after_s) {
    const OAuthProfile standard;
    return parse_token_response(status, body, retry_after_s, standard, standard.response);
}

TokenResponse no_token_request(std::string reason) {
    return failed({TokenOutcome::kConfiguration, std::move(reason)});
}

TokenResponse no_token_response(const Error &error) {
    if (error.errc == Errc::kEgressDenied) {
        return failed({TokenOutcome::kConfiguration, "egress_denied"});
    }
    const bool is_silent = error.errc == Errc::kProviderSilent;
    return failed({TokenOutcome::kOutage, is_silent ? "no_answer" : "unreachable", is_silent},
                  error.retry_after_s);
}

}  // namespace nexus::control
