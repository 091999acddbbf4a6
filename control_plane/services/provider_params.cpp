// The free-form `params` of a profile: see provider_params.h.
#include "control_plane/services/provider_params.h"

#include <algorithm>
#include <array>

#include "control_plane/oauth/authorization_url.h"
#include "control_plane/oauth/profile.h"
#include "control_plane/services/credential_schema.h"
#include "control_plane/services/provider_profile.h"

namespace nexus::control {

namespace {

constexpr size_t kMaxParamsBytes = 16 * 1024;
constexpr std::array<std::string_view, 2> kFlags{"skip_scope_on_auth", "skip_scope_on_exchange"};
constexpr std::array<std::string_view, 14> kStrategyMembers{
    "header_name",    "credential_field", "value_prefix", "param_name",      "username_field",
    "password_field", "secret_field",     "algo",         "encoding",        "service",
    "region",         "cookie_name",      "template",     "timestamp_header"};

constexpr std::array<std::string_view, 6> kStaticStrategies{"header",       "query_param", "basic_auth",
                                                            "hmac_payload", "aws_sigv4",   "cookie"};
constexpr std::array<std::string_view, 3> kHmacHashes{"sha256", "sha1", "sha512"};
constexpr std::array<std::string_view, 3> kHmacEncodings{"hex", "base64", "base64url"};

template <size_t N>
bool is_one_of(const std::array<std::string_view, N> &names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

tl::unexpected<Error> refuse(std::string_view name, std::string_view sentence) {
    std::string member = "profile.params" + (name.empty() ? "" : "." + std::string{name});
    return fail(Errc::kInvalidRequest, "member " + member + " " + std::string{sentence}, member);
}

Result<void> check_oauth2_member(const std::string &name, const json::Value &value) {
    if (is_one_of(kFlags, name)) {
        return value.is_boolean() ? Result<void>{} : refuse(name, "must be true or false");
    }
    if (!value.is_string()) {
        return refuse(name, "must be a string: it is a parameter of the authorization URL");
    }
    if (is_protocol_parameter(name)) {
        return refuse(name, "belongs to the protocol and cannot be set");
    }
    return {};
}

Result<void> check_auth_strategy(const json::Value &value) {
    json::ObjectReader reader(value, "profile.params.auth_strategy");
    std::string type = reader.required_string("type", 64);
    json::Value config = reader.object_or_null("config");
    if (Result<void> finished = reader.finish(); !finished) {
        return finished;
    }
    if (type == "oauth2") {
        return refuse("auth_strategy", "must not be oauth2 for this auth_type");
    }
    if (!is_one_of(kStaticStrategies, type)) {
        return refuse("auth_strategy", "names a type that is not known");
    }
    for (const std::string &name : config.names()) {
        if (!config.get(name).is_string()) {
            return refuse("auth_strategy", "must have strings in config");
        }
    }
    return {};
}

Result<void> check_static_member(const std::string &name, const json::Value &value) {
    if (name == "credential_schema") {
        return check_credential_schema(value);
    }
    if (name == "auth_strategy") {
        return value.is_object() ? check_auth_strategy(value) : refuse(name, "must be an object");
    }
    if (!is_one_of(kStrategyMembers, name)) {
        return refuse(name, "is not known for this auth_type");
    }
    return value.is_string() ? Result<void>{} : refuse(name, "must be a string");
}

// Reference 1.8: hmac_payload and aws_sigv4.
Result<void> check_signing(const StrategyConfig &strategy) {
    if (strategy.type == "hmac_payload") {
        std::string algo = strategy.get("algo", "");
        std::string encoding = strategy.get("encoding", "");
        if (strategy.get("header_name", "").empty()) {
            return refuse("header_name", "is required for hmac_payload");
        }
        if (!is_one_of(kHmacHashes, algo)) {
            return refuse("algo", "must be sha256, sha1 or sha512");
        }
        if (!is_one_of(kHmacEncodings, encoding)) {
            return refuse("encoding", "must be hex, base64 or base64url");
        }
    }
    if (strategy.type == "aws_sigv4") {
        constexpr std::string_view kNameChars = "abcdefghijklmnopqrstuvwxyz0123456789-";
        std::string service = strategy.get("service", "");
        if (service.empty()) {
            return refuse("service", "is required for aws_sigv4");
        }
        if (service.find_first_not_of(kNameChars) != std::string::npos) {
            return refuse("service", "must be of a-z, 0-9 and -");
        }
        if (strategy.get("region", "").find_first_not_of(kNameChars) != std::string::npos) {
            return refuse("region", "must be of a-z, 0-9 and -");
        }
    }
    return {};
}

// What the strategy needs must be there, and the schema must ask for what the strategy uses.
Result<void> check_static_whole(const store::Provider &provider) {
    StrategyConfig strategy = strategy_of(provider);
    if (strategy.type == "query_param" && strategy.get("param_name", "").empty()) {
        return refuse("param_name", "is required for query_param");
    }
    if (strategy.type == "cookie" && strategy.get("cookie_name", "").empty()) {
        return refuse("cookie_name", "is required for cookie");
    }
    if (Result<void> signing = check_signing(strategy); !signing) {
        return signing;
    }
    CredentialSchema schema = credential_schema_of(provider);
    for (const std::string &field : required_credentials_of(strategy)) {
        if (!schema.has(field)) {
            return refuse("credential_schema", "lacks the property that the strategy uses: " + field);
        }
    }
    return {};
}

}  // namespace

json::Value params_of(const store::Provider &provider) {
    Result<json::Value> params = json::parse_object(provider.params);
    return params ? std::move(*params) : json::Value::object();
}

Result<void> check_params(const store::Provider &provider) {
    if (provider.params.size() > kMaxParamsBytes) {
        return refuse("", "is too large");
    }
    json::Value params = params_of(provider);
    bool oauth2 = provider.auth_type == "oauth2";
    for (const std::string &name : params.names()) {
        json::Value value = params.get(name);
        Result<void> checked = oauth2 ? check_oauth2_member(name, value) : check_static_member(name, value);
        if (!checked) {
            return checked;
        }
    }
    return oauth2 ? Result<void>{} : check_static_whole(provider);
}

QueryParams authorization_extras(const store::Provider &provider) {
    json::Value params = params_of(provider);
    QueryParams out;
    for (const std::string &name : params.names()) {
        json::Value value = params.get(name);
        if (value.is_string()) {
            out.emplace_back(name, std::string{value.as_string()});
        }
    }
    return out;
}

bool skips_scope_on_auth(const store::Provider &provider) {
    return params_of(provider).get("skip_scope_on_auth").as_boolean();
}

std::string StrategyConfig::get(std::string_view name, std::string_view fallback) const {
    auto found =
        std::find_if(config.begin(), config.end(), [&](const auto &entry) { return entry.first == name; });
    return found == config.end() ? std::string{fallback} : found->second;
}

namespace {

// oauth.injection: where the token goes if not into Authorization.
StrategyConfig oauth2_strategy(const store::Provider &provider) {
    if (provider.oauth.find("\"injection\"") == std::string::npos) {
        return {"oauth2", {}};
    }
    Result<OAuthProfile> profile = stored_oauth_profile(provider.oauth);
    const TokenInjection injection = profile ? profile->injection : TokenInjection{};
    if (!injection.param_name.empty()) {
        return {"query_param", {{"param_name", injection.param_name}, {"credential_field", "access_token"}}};
    }
    if (injection.header_name.empty() && injection.value_prefix.empty()) {
        return {"oauth2", {}};
    }
    const std::string header = injection.header_name.empty() ? "Authorization" : injection.header_name;
    return {"header",
            {{"header_name", header},
             {"value_prefix", injection.value_prefix},
             {"credential_field", "access_token"}}};
}

void add_default(StrategyConfig &strategy, const std::string &name, const std::string &value) {
    if (strategy.get(name, "").empty()) {
        strategy.config.emplace_back(name, value);
    }
}

void add_defaults(StrategyConfig &strategy) {
    if (strategy.type == "hmac_payload") {
        add_default(strategy, "secret_field", "api_secret");
        add_default(strategy, "algo", "sha256");
        add_default(strategy, "encoding", "hex");
    }
    if (strategy.type == "aws_sigv4") {
        add_default(strategy, "region", "us-east-1");
    }
}

}  // namespace

StrategyConfig strategy_of(const store::Provider &provider) {
    if (provider.auth_type == "oauth2") {
        return oauth2_strategy(provider);
    }
    json::Value params = params_of(provider);
    json::Value given = params.get("auth_strategy");
    StrategyConfig out;
    if (given.is_object()) {
        out.type = given.get("type").as_string();
        json::Value config = given.get("config");
        for (const std::string &name : config.names()) {
            out.config.emplace_back(name, std::string{config.get(name).as_string()});
        }
        add_defaults(out);
        return out;
    }
    out.type = provider.auth_type == "api_key" ? "header" : provider.auth_type;
    for (std::string_view name : kStrategyMembers) {
        if (json::Value value = params.get(name); value.is_string()) {
            out.config.emplace_back(std::string{name}, std::string{value.as_string()});
        }
    }
    if (out.type == "header" && out.get("header_name", "").empty()) {
        out.config.emplace_back("header_name",
                                provider.auth_header.empty() ? "X-API-Key" : provider.auth_header);
    }
    if ((out.type == "header" || out.type == "query_param") && out.get("credential_field", "").empty()) {
        out.config.emplace_back("credential_field", "api_key");
    }
    add_defaults(out);
    return out;
}

}  // namespace nexus::control
