// The free-form `params` of a profile: see provider_params.h.
#include "control_plane/services/providers/provider_params.h"

#include <algorithm>
#include <array>

#include "control_plane/oauth/authorization_url.h"
#include "control_plane/services/credentials/credential_schema.h"
#include "control_plane/services/providers/provider_profile.h"

namespace nexus::control {

namespace {

constexpr size_t kMaxParamsBytes = 16 * 1024;
constexpr std::array<std::string_view, 2> kFlags{"skip_scope_on_auth", "skip_scope_on_exchange"};

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
    if (!is_static_strategy(type)) {
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
    if (!is_strategy_member(name)) {
        return refuse(name, "is not known for this auth_type");
    }
    return value.is_string() ? Result<void>{} : refuse(name, "must be a string");
}

// What the strategy needs must be there, and the schema must ask for what the strategy uses.
Result<void> check_static_whole(const store::Provider &provider) {
    StrategyConfig strategy = strategy_of(provider);
    if (Result<void> checked = check_strategy(strategy); !checked) {
        return refuse(checked.error().detail, checked.error().message);
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

}  // namespace nexus::control
