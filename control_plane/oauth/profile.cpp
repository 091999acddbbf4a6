// The `oauth` member of a profile: see profile.h. Reads it and refuses what cannot work.
#include "control_plane/oauth/profile.h"

#include <algorithm>
#include <array>

#include "control_plane/oauth/authorization_url.h"
#include "control_plane/oauth/json_path.h"
#include "control_plane/oauth/pattern.h"
#include "control_plane/oauth/profile_extensions.h"
#include "control_plane/oauth/profile_reader.h"
#include "control_plane/oauth/url_template.h"
#include "control_plane/url/url.h"

namespace nexus::control {

namespace {

using From = OAuthVariable::From;

constexpr size_t kMaxVariables = 16;
constexpr int64_t kMaxExpiresInS = 10LL * 365 * 24 * 3600;

struct ClientAuthName {
    std::string_view name;
    ClientAuth auth;
};
// The canonical name of each comes first.
constexpr std::array<ClientAuthName, 11> kClientAuths{{
    {"client_secret_post", ClientAuth::kSecretPost},
    {"client_secret_basic", ClientAuth::kSecretBasic},
    {"secret_as_user", ClientAuth::kSecretAsUser},
    {"private_key_jwt", ClientAuth::kPrivateKeyJwt},
    {"tls_client_auth", ClientAuth::kTlsClientAuth},
    {"self_signed_tls_client_auth", ClientAuth::kSelfSignedTls},
    {"none", ClientAuth::kNone},
    {"", ClientAuth::kSecretPost},
    {"post", ClientAuth::kSecretPost},
    {"basic", ClientAuth::kSecretBasic},
    {"Basic", ClientAuth::kSecretBasic},
}};

ResponsePaths read_response(json::ObjectReader &outer, const std::string &path,
                            std::optional<Error> &problem) {
    ResponsePaths out;
    json::Value object = outer.object_or_null("response");
    if (object.is_null()) {
        return out;
    }
    json::ObjectReader reader(object, path + ".response");
    read_path(reader, "access_token", out.access_token);
    read_path(reader, "refresh_token", out.refresh_token);
    read_path(reader, "id_token", out.id_token);
    read_path(reader, "token_type", out.token_type);
    read_path(reader, "scope", out.scope);
    read_path(reader, "expires_in", out.expires_in);
    read_path(reader, "error", out.error);
    out.expires_in_ms = read_choice<bool>(reader, "expires_in_unit", {{"s", false}, {"ms", true}}, false);
    keep_problem(reader, problem);
    return out;
}

TokenBody read_body(json::ObjectReader &reader, std::string_view name) {
    return read_choice<TokenBody>(
        reader, name, {{"form", TokenBody::kForm}, {"json", TokenBody::kJson}, {"query", TokenBody::kQuery}},
        TokenBody::kForm);
}

void read_authorization(json::ObjectReader &reader, const std::string &path, OAuthProfile &out,
                        std::optional<Error> &problem) {
    out.authorization_params = read_texts(reader, "authorization_params");
    for (const auto &[name, value] : out.authorization_params) {
        if (is_protocol_parameter(name)) {
            reader.refuse("authorization_params", "must not set " + name + ": it belongs to the protocol");
        }
    }
    out.authorization_rename = read_renames(reader, "authorization_rename");
    for (const auto &[name, other] : out.authorization_rename) {
        if (name == "state" && other.empty()) {
            reader.refuse("authorization_rename", "must not drop state");
        }
    }
    json::Value encoding = reader.object_or_null("authorization_encoding");
    if (!encoding.is_null()) {
        json::ObjectReader inner(encoding, path + ".authorization_encoding");
        out.authorization_raw = inner.strings_or_empty("raw", 16, 64);
        out.authorization_skip_empty = inner.boolean_or("skip_empty", false);
        out.authorization_fragment = inner.string_or("fragment", "", 256);
        if (out.authorization_fragment.find_first_of("#{}\\\" ") != std::string::npos) {
            inner.refuse("fragment", "must be a part of a URL");
        }
        keep_problem(inner, problem);
    }
    out.code_param = reader.string_or("code_param", "code", 64);
    if (!is_parameter_name(out.code_param) || out.code_param == "state" || out.code_param == "error") {
        reader.refuse("code_param", "must be the name of a parameter");
    }
}

// What the client sends by itself cannot be replaced by a constant; grant_type and scope can.
void read_token_params(json::ObjectReader &reader, std::string_view name, NamedTexts &into) {
    constexpr std::array<std::string_view, 12> kOwned{
        "client_id",    "client_secret", "client_assertion", "client_assertion_type",
        "code",         "code_verifier", "redirect_uri",     "refresh_token",
        "access_token", "device_code",   "subject_token",    "subject_token_type"};
    into = read_texts(reader, name);
    for (const auto &[param, value] : into) {
        if (std::find(kOwned.begin(), kOwned.end(), param) != kOwned.end()) {
            reader.refuse(name, "must not set " + param + ": it belongs to the protocol");
        }
    }
}

void read_token_request(json::ObjectReader &reader, const std::string &path, OAuthProfile &out,
                        std::optional<Error> &problem) {
    read_token_params(reader, "token_params", out.token_params);
    read_token_params(reader, "refresh_params", out.refresh_params);
    out.token_rename = read_renames(reader, "token_rename");
    out.token_headers = read_headers(reader, "token_headers");
    out.token_body = read_body(reader, "token_body");
    out.scope_separator = reader.string_or("scope_separator", " ", 3);
    if (out.scope_separator.empty() || out.scope_separator.find_first_not_of(" ,;|+") != std::string::npos) {
        reader.refuse("scope_separator", "must be of blank , ; | and +");
    }
    json::Value assertion = reader.object_or_null("client_assertion");
    if (!assertion.is_null()) {
        json::ObjectReader inner(assertion, path + ".client_assertion");
        out.assertion_alg =
            read_choice<std::string>(inner, "alg", {{"RS256", "RS256"}, {"ES256", "ES256"}}, "RS256");
        out.assertion_kid = inner.string_or("kid", "", 256);
        out.assertion_audience = inner.string_or("audience", "", 1024);
        keep_problem(inner, problem);
    }
    out.revocation_url = reader.string_or("revocation_url", "");
}

void read_answer(json::ObjectReader &reader, const std::string &path, OAuthProfile &out,
                 std::optional<Error> &problem) {
    out.response = read_response(reader, path, problem);
    json::Value success = reader.object_or_null("success");
    if (!success.is_null()) {
        json::ObjectReader inner(success, path + ".success");
        SuccessTest test;
        test.path = inner.required_string("path", 256);
        test.equals = inner.any("equals");
        if (!test.path.empty() && !is_json_path(test.path)) {
            inner.refuse("path", "must be a path");
        }
        if (test.equals.is_null() || test.equals.is_object() || test.equals.is_array()) {
            inner.refuse("equals", "must be a string, a number or a boolean");
        }
        keep_problem(inner, problem);
        out.success = std::move(test);
    }
    out.default_expires_in_s = reader.integer_or("default_expires_in", 0, 0, kMaxExpiresInS);
    out.keep_response_fields = read_kept(reader, "keep_response_fields", true);
    out.keep_callback_fields = read_kept(reader, "keep_callback_fields", false);
    for (const auto &[name, field] : out.keep_response_fields) {
        if (field == out.response.access_token || field == out.response.refresh_token ||
            field == out.response.id_token) {
            reader.refuse("keep_response_fields", "must not keep a token");
        }
    }
    for (const auto &[name, field] : out.keep_callback_fields) {
        if (field == out.code_param || field == "code" || field == "state") {
            reader.refuse("keep_callback_fields", "must not keep code and state");
        }
    }
    out.account_field = reader.string_or("account_field", "", 64);
    auto is_it = [&](const auto &entry) { return entry.first == out.account_field; };
    if (!out.account_field.empty() &&
        std::none_of(out.keep_response_fields.begin(), out.keep_response_fields.end(), is_it) &&
        std::none_of(out.keep_callback_fields.begin(), out.keep_callback_fields.end(), is_it)) {
        reader.refuse("account_field", "must name a kept field");
    }
}

void read_chain(json::ObjectReader &reader, const std::string &path, OAuthProfile &out,
                std::optional<Error> &problem) {
    json::Value object = reader.object_or_null("chain");
    if (object.is_null()) {
        return;
    }
    json::ObjectReader inner(object, path + ".chain");
    TokenChain chain;
    chain.url = inner.required_string("url");
    chain.body = read_body(inner, "body");
    chain.on_refresh = inner.boolean_or("on_refresh", false);
    chain.params = read_texts(inner, "params");
    chain.response = read_response(inner, path + ".chain", problem);
    keep_problem(inner, problem);
    out.chain = std::move(chain);
}

void read_injection(json::ObjectReader &reader, const std::string &path, OAuthProfile &out,
                    std::optional<Error> &problem) {
    json::Value object = reader.object_or_null("injection");
    if (object.is_null()) {
        return;
    }
    json::ObjectReader inner(object, path + ".injection");
    out.injection.header_name = inner.string_or("header_name", "", 128);
    out.injection.value_prefix = inner.string_or("value_prefix", "", 64);
    out.injection.param_name = inner.string_or("param_name", "", 64);
    bool header = !out.injection.header_name.empty() || !out.injection.value_prefix.empty();
    if (header == !out.injection.param_name.empty()) {
        inner.refuse("header_name", "or param_name must be there, and only one of them");
    }
    if (!out.injection.header_name.empty() && !is_credential_header(out.injection.header_name)) {
        inner.refuse("header_name", "must be the name of a header that may carry a credential");
    }
    if (has_control_character(out.injection.value_prefix)) {
        inner.refuse("value_prefix", "must have no control characters");
    }
    keep_problem(inner, problem);
}

OAuthVariable read_variable(const json::Value &object, const std::string &path, const std::string &name,
                            std::optional<Error> &problem) {
    json::ObjectReader reader(object, path);
    OAuthVariable out;
    out.name = name;
    out.pattern = reader.required_string("pattern", Pattern::kMaxPatternBytes);
    out.title = reader.string_or("title", "", 128);
    out.description = reader.string_or("description", "", 512);
    out.default_value = reader.optional_string("default", Pattern::kMaxValueBytes);
    out.from = read_choice<From>(
        reader, "from", {{"user", From::kUser}, {"callback", From::kCallback}, {"response", From::kResponse}},
        From::kUser);
    out.field = reader.string_or("field", name, 256);
    if (out.from == From::kResponse && !is_json_path(out.field)) {
        reader.refuse("field", "must be a path");
    }
    if (!out.pattern.empty()) {
        Result<Pattern> pattern = Pattern::compile(out.pattern);
        if (!pattern) {
            reader.refuse("pattern", "must be a regular expression of at most 256 bytes");
        } else if (out.default_value && !pattern->matches(*out.default_value)) {
            reader.refuse("default", "must match the pattern");
        }
    }
    keep_problem(reader, problem);
    return out;
}

void read_variables(json::ObjectReader &reader, const std::string &path, OAuthProfile &out,
                    std::optional<Error> &problem) {
    json::Value object = reader.object_or_null("variables");
    if (object.is_null()) {
        return;
    }
    if (object.size() > kMaxVariables) {
        reader.refuse("variables", "must have at most 16 members");
        return;
    }
    constexpr std::array<std::string_view, 4> kReserved{"client_id", "client_secret", "access_token",
                                                        "refresh_token"};
    for (const std::string &name : object.names()) {
        bool reserved = std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end();
        if (!is_variable_name(name) || reserved) {
            reader.refuse("variables", "must have names of letters, digits, _ and -, none of the protocol's");
            return;
        }
        out.variables.push_back(read_variable(object.get(name), path + ".variables." + name, name, problem));
    }
}

Result<void> check_names(const OAuthProfile &profile, std::string_view text, From latest,
                         const std::string &member, bool secrets_too) {
    for (const std::string &name : template_names(text)) {
        bool token = name == "client_secret" || name == "access_token" || name == "refresh_token";
        if (name == "client_id" || (secrets_too && token)) {
            continue;
        }
        const OAuthVariable *variable = profile.find_variable(name);
        if (variable == nullptr || variable->from > latest) {
            std::string why = variable == nullptr ? " is not among variables" : " is not known that early";
            return fail(Errc::kInvalidRequest, "member " + member + " names {" + name + "}, which" + why,
                        member);
        }
    }
    return {};
}

Result<void> check_params(const OAuthProfile &profile, const NamedTexts &params, From latest,
                          const std::string &member, bool secrets_too = false) {
    for (const auto &[name, value] : params) {
        Result<void> checked = check_names(profile, value, latest, member + "." + name, secrets_too);
        if (!checked) {
            return checked;
        }
    }
    return {};
}

// What names variables needs them declared.
Result<void> check_templates(const OAuthProfile &profile, const std::string &path) {
    using Check = Result<void>;
    auto params = [&](const NamedTexts &list, From latest, const char *member) {
        return check_params(profile, list, latest, path + "." + member);
    };
    auto url = [&](const std::string &text, From latest, const char *member) {
        return text.empty() ? Check{} : check_url_template(profile, text, latest, path + "." + member);
    };
    std::array<Check, 7> checks{
        params(profile.authorization_params, From::kUser, "authorization_params"),
        params(profile.token_params, From::kCallback, "token_params"),
        params(profile.refresh_params, From::kResponse, "refresh_params"),
        params(profile.token_headers, From::kCallback, "token_headers"),
        url(profile.refresh_url, From::kResponse, "refresh_url"),
        url(profile.revocation_url, From::kResponse, "revocation_url"),
        !profile.chain ? Check{} : url(profile.chain->url, From::kCallback, "chain.url")};
    for (Check &check : checks) {
        if (!check) {
            return check;
        }
    }
    return profile.chain
               ? check_params(profile, profile.chain->params, From::kCallback, path + ".chain.params", true)
               : Check{};
}

}  // namespace

std::optional<ClientAuth> parse_client_auth(std::string_view name) noexcept {
    const auto *found = std::find_if(kClientAuths.begin(), kClientAuths.end(),
                                     [&](const ClientAuthName &entry) { return entry.name == name; });
    return found == kClientAuths.end() ? std::nullopt : std::optional{found->auth};
}

bool is_mutual_tls(ClientAuth auth) noexcept {
    return auth == ClientAuth::kTlsClientAuth || auth == ClientAuth::kSelfSignedTls;
}

std::string_view to_string(ClientAuth auth) noexcept {
    return std::find_if(kClientAuths.begin(), kClientAuths.end(),
                        [&](const ClientAuthName &entry) { return entry.auth == auth; })
        ->name;
}

const OAuthVariable *OAuthProfile::find_variable(std::string_view name) const noexcept {
    auto found = std::find_if(variables.begin(), variables.end(),
                              [&](const OAuthVariable &variable) { return variable.name == name; });
    return found == variables.end() ? nullptr : &*found;
}

Result<OAuthProfile> parse_oauth_profile(const json::Value &oauth, const std::string &path) {
    OAuthProfile out;
    if (oauth.is_null()) {
        return out;
    }
    json::ObjectReader reader(oauth, path);
    std::optional<Error> problem;
    reader.ignore("client_auth");
    out.grant =
        read_choice<OAuthProfile::Grant>(reader, "grant",
                                         {{"authorization_code", OAuthProfile::Grant::kAuthorizationCode},
                                          {"client_credentials", OAuthProfile::Grant::kClientCredentials},
                                          {"device_code", OAuthProfile::Grant::kDeviceCode},
                                          {"token_exchange", OAuthProfile::Grant::kTokenExchange}},
                                         OAuthProfile::Grant::kAuthorizationCode);
    out.pkce = read_choice<bool>(reader, "pkce", {{"S256", true}, {"off", false}}, true);
    read_authorization(reader, path, out, problem);
    read_token_request(reader, path, out, problem);
    read_refresh(reader, path, out, problem);
    read_answer(reader, path, out, problem);
    read_chain(reader, path, out, problem);
    read_variables(reader, path, out, problem);
    read_injection(reader, path, out, problem);
    read_extensions(reader, out);
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    if (problem) {
        return fail(*problem);
    }
    if (Result<void> checked = check_templates(out, path); !checked) {
        return fail(checked.error());
    }
    return out;
}

Result<OAuthProfile> stored_oauth_profile(std::string_view text) {
    if (text.empty() || text == "{}") {
        return OAuthProfile{};
    }
    return json::parse_object(text).and_then(
        [](const json::Value &oauth) { return parse_oauth_profile(oauth, "profile.oauth"); });
}

Result<void> check_url_template(const OAuthProfile &profile, std::string_view url, From latest,
                                const std::string &member) {
    if (Result<void> named = check_names(profile, url, latest, member, false); !named) {
        return named;
    }
    // What begins with {name} has scheme and host from it; a path may follow, nothing that would go on with
    // the host.
    const size_t end = url.starts_with('{') ? url.find('}') : std::string_view::npos;
    const bool goes_on = end != std::string_view::npos && end + 1 < url.size() && url[end + 1] != '/';
    // Filled with harmless values it must be a URL: a name fits a whole host, a number a port or a part of an
    // address.
    bool is_url = false;
    for (const char *value : {"x", "1"}) {
        Variables harmless;
        for (const std::string &name : template_names(url)) {
            harmless[name] = url.starts_with("{" + name + "}") ? "https://x.invalid" : value;
        }
        Result<std::string> filled = fill_url(url, harmless, member);
        is_url =
            is_url || (filled && parse_http_url(*filled, member) && filled->find('#') == std::string::npos);
    }
    if (goes_on || !is_url) {
        return fail(Errc::kInvalidRequest, "member " + member + " must be an absolute http(s) URL", member);
    }
    return {};
}

}  // namespace nexus::control
