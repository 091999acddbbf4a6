// From a reference provider to a profile: see provider_mapping.h.
#include "control_plane/takeover/provider_mapping.h"

#include <algorithm>
#include <array>

namespace nexus::control::takeover {

namespace {

// Parameters of the authorization request that belong to the protocol: RFC 6749 section 4.1.1, RFC 7636, and
// the nonce. There a profile could overwrite them.
constexpr std::array<std::string_view, 8> kProtocol{
    "response_type", "client_id",      "redirect_uri",          "scope",
    "state",         "code_challenge", "code_challenge_method", "nonce"};
constexpr std::array<std::string_view, 2> kFlags{"skip_scope_on_auth", "skip_scope_on_exchange"};
// What a static profile's params may hold: the two members that were read there, and the strategies' own.
constexpr std::array<std::string_view, 13> kStaticMembers{
    "credential_schema", "auth_strategy",  "header_name",    "credential_field", "value_prefix",
    "param_name",        "username_field", "password_field", "secret_field",     "algo",
    "encoding",          "service",        "region"};

template <size_t N>
bool is_one_of(const std::array<std::string_view, N> &names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

json::Value object_or_empty(const std::string &text) {
    Result<json::Value> object = json::parse_object(text);
    return object ? std::move(*object) : json::Value::object();
}

void set_unless_empty(json::Value &object, std::string_view name, const std::string &text) {
    if (!text.empty()) {
        object.set(name, text);
    }
}

// One element may hold several scopes, parted by blanks.
std::vector<std::string> split_scopes(const std::string &array) {
    std::vector<std::string> out;
    Result<json::Value> scopes = json::parse(array);
    for (size_t i = 0; scopes && i < scopes->size(); ++i) {
        std::string element{scopes->at(i).as_string()};
        size_t begin = 0;
        while ((begin = element.find_first_not_of(' ', begin)) != std::string::npos) {
            size_t end = std::min(element.find(' ', begin), element.size());
            out.push_back(element.substr(begin, end - begin));
            begin = end;
        }
    }
    return out;
}

std::string client_auth(const ReferenceProvider &provider, std::vector<std::string> &notes) {
    if (provider.client_secret.empty()) {
        notes.emplace_back("has no client_secret: becomes a public client (auth_header none)");
        return "none";
    }
    if (provider.auth_header == "client_secret_basic" || provider.auth_header == "Basic") {
        return "client_secret_basic";
    }
    if (!provider.auth_header.empty() && provider.auth_header != "client_secret_post") {
        notes.emplace_back("auth_header is unknown and worked as client_secret_post: becomes that");
    }
    return "client_secret_post";
}

// There, one member that is no string kept all the others from the authorization URL (reference D22).
json::Value oauth2_params(const ReferenceProvider &provider, std::vector<std::string> &notes) {
    json::Value params = object_or_empty(provider.params);
    json::Value out = json::Value::object();
    bool only_strings = true;
    for (const std::string &name : params.names()) {
        only_strings = only_strings && params.get(name).is_string();
    }
    std::string now_sent;
    for (const std::string &name : params.names()) {
        json::Value value = params.get(name);
        if (is_one_of(kFlags, name) ? !value.is_boolean() : !value.is_string()) {
            notes.push_back("params." + name + " has no meaning here and is left out");
        } else if (is_one_of(kProtocol, name)) {
            notes.push_back("params." + name + " belongs to the protocol and is left out");
        } else {
            now_sent += value.is_string() ? (now_sent.empty() ? "" : ", ") + name : "";
            out.set(name, std::move(value));
        }
    }
    if (!only_strings && !now_sent.empty()) {
        notes.push_back("params " + now_sent +
                        " had no effect there (beside a member that is no string); here they are sent");
    }
    return out;
}

json::Value static_params(const ReferenceProvider &provider, std::vector<std::string> &notes) {
    json::Value params = object_or_empty(provider.params);
    json::Value out = json::Value::object();
    for (const std::string &name : params.names()) {
        if (is_one_of(kStaticMembers, name)) {
            out.set(name, params.get(name));
        } else {
            notes.push_back("params." + name + " has no meaning here and is left out");
        }
    }
    return out;
}

void add_oauth2(const ReferenceProvider &provider, MappedProvider &out) {
    json::Value &profile = out.profile;
    profile.set("auth_header", client_auth(provider, out.notes)).set("client_id", provider.client_id);
    if (!provider.client_secret.empty()) {
        profile.set("client_secret", provider.client_secret);
    }
    set_unless_empty(profile, "auth_url", provider.auth_url);
    set_unless_empty(profile, "token_url", provider.token_url);
    set_unless_empty(profile, "issuer", provider.issuer);
    bool discovery = provider.enable_discovery && !provider.issuer.empty();
    if (provider.enable_discovery && !discovery) {
        out.notes.emplace_back("enable_discovery is without an issuer: becomes false");
    }
    if (!provider.issuer.empty()) {
        out.notes.emplace_back("its issuer was stored only; here id_tokens must be of this issuer");
    }
    profile.set("enable_discovery", discovery).set("params", oauth2_params(provider, out.notes));
}

void add_static(const ReferenceProvider &provider, MappedProvider &out) {
    set_unless_empty(out.profile, "auth_header", provider.auth_header);
    json::Value params = static_params(provider, out.notes);
    if (provider.auth_type == "api_key" && !provider.auth_header.empty() &&
        !params.contains("auth_strategy")) {
        out.notes.push_back("calls carried X-API-Key there; here they carry its auth_header, " +
                            provider.auth_header);
    }
    bool oauth_members = !provider.client_id.empty() || !provider.client_secret.empty() ||
                         !provider.auth_url.empty() || !provider.token_url.empty() ||
                         !provider.issuer.empty() || provider.enable_discovery;
    if (oauth_members) {
        out.notes.emplace_back("its members for oauth2 are left out");
    }
    out.profile.set("params", std::move(params));
}

}  // namespace

bool is_oauth2(const ReferenceProvider &provider) {
    return provider.auth_type.empty() || provider.auth_type == "oauth2";
}

CredentialNames credential_names(const ReferenceProvider &provider) {
    CredentialNames out;
    json::Value schema = object_or_empty(provider.params).get("credential_schema");
    out.properties = schema.get("properties").names();
    json::Value required = schema.get("required");
    for (size_t i = 0; i < required.size(); ++i) {
        out.required.emplace_back(required.at(i).as_string());
    }
    return out;
}

MappedProvider map_provider(const ReferenceProvider &provider) {
    MappedProvider out;
    out.profile = json::Value::object();
    out.profile.set("name", provider.name)
        .set("auth_type", is_oauth2(provider) ? "oauth2" : provider.auth_type)
        .set("scopes", split_scopes(provider.scopes));
    is_oauth2(provider) ? add_oauth2(provider, out) : add_static(provider, out);
    set_unless_empty(out.profile, "api_base_url", provider.api_base_url);
    set_unless_empty(out.profile, "user_info_endpoint", provider.user_info_endpoint);
    set_unless_empty(out.profile, "description", provider.description);
    set_unless_empty(out.profile, "category", provider.category);
    return out;
}

}  // namespace nexus::control::takeover
