// Provider profiles as users write them: see provider_profile.h. What params may hold is
// provider_params.cpp's.
#include "control_plane/services/providers/provider_profile.h"

#include <algorithm>
#include <array>

#include "control_plane/oauth/authorization_url.h"
#include "control_plane/oauth/client_assertion.h"
#include "control_plane/oauth/client_certificate.h"
#include "control_plane/oauth/profile.h"
#include "control_plane/services/providers/provider_oidc.h"
#include "control_plane/services/providers/provider_params.h"
#include "control_plane/services/time_text.h"
#include "shared/net/host_rule.h"

namespace nexus::control {

namespace {

constexpr std::array<std::string_view, 7> kStaticTypes{"api_key",      "basic_auth", "header", "query_param",
                                                       "hmac_payload", "aws_sigv4",  "oauth1"};

constexpr size_t kMaxOauthBytes = 16 * 1024;
constexpr size_t kMaxClientSecretBytes = 32 * 1024;  // a chain of certificates and a key

bool is_header_name(std::string_view text) {
    constexpr std::string_view kTokenChars =
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    return text.size() <= 128 && text.find_first_not_of(kTokenChars) == std::string_view::npos;
}

void read_url(json::ObjectReader &reader, std::string_view name, std::string &into, bool required) {
    into = required ? reader.required_string(name) : reader.string_or(name, "");
    if (into.empty()) {
        return;
    }
    if (const Result<Url> parsed = parse_http_url(into, ""); !parsed) {
        reader.refuse(name, parsed.error().message.substr(1));  // behind the name that it would start with
    }
}

// auth_header, or its alias oauth.client_auth, under its canonical name.
ClientAuth read_client_auth(json::ObjectReader &reader, const json::Value &oauth) {
    constexpr std::string_view kSentence =
        "must be client_secret_post, client_secret_basic, secret_as_user, private_key_jwt, tls_client_auth, "
        "self_signed_tls_client_auth or none";
    std::optional<std::string> header = reader.optional_string("auth_header", 64);
    json::Value alias = oauth.get("client_auth");
    std::optional<ClientAuth> auth = parse_client_auth(header.value_or(""));
    if (!auth) {
        reader.refuse("auth_header", kSentence);
        return ClientAuth::kSecretPost;
    }
    if (alias.is_null()) {
        return *auth;
    }
    std::optional<ClientAuth> named;
    if (alias.is_string()) {
        named = parse_client_auth(alias.as_string());
    }
    if (!named) {
        reader.refuse("oauth.client_auth", kSentence);
        return *auth;
    }
    if (!header.value_or("").empty() && *auth != *named) {
        reader.refuse("oauth.client_auth", "must not differ from auth_header");
    }
    return *named;
}

// Where the secret is a key: of the kind that is wanted.
Result<void> check_client_key(std::string_view secret, const OAuthProfile &oauth, ClientAuth auth) {
    if (auth == ClientAuth::kPrivateKeyJwt) {
        return check_assertion_key(secret, oauth.assertion_alg);
    }
    return is_mutual_tls(auth) ? check_client_certificate(secret) : Result<void>{};
}

void read_client(json::ObjectReader &reader, bool secret_stored, const OAuthProfile &oauth, ClientAuth auth,
                 ProfileInput &input) {
    store::Provider &provider = input.provider;
    provider.auth_header = to_string(auth);
    provider.client_id = reader.required_string("client_id", 255);
    bool needs_secret = auth != ClientAuth::kNone && !secret_stored;
    if (needs_secret) {
        input.client_secret = reader.required_secret("client_secret", kMaxClientSecretBytes);
    } else {
        input.client_secret = reader.optional_secret("client_secret", kMaxClientSecretBytes);
    }
    if (input.client_secret && input.client_secret->empty()) {
        reader.refuse("client_secret", "must not be empty");
    }
    if (auth == ClientAuth::kNone && input.client_secret) {
        reader.refuse("client_secret", "must be left out with auth_header none");
    }
    if (input.client_secret && !input.client_secret->empty()) {
        Result<void> checked = check_client_key(input.client_secret->view(), oauth, auth);
        if (!checked) {
            const std::string &message = checked.error().message;  // "client_secret must ..."
            reader.refuse("client_secret", message.substr(message.find(' ') + 1));
        }
    }
}

// The `oauth` member as it is stored: sorted, without the alias of auth_header.
std::string canonical_oauth(const json::Value &oauth) {
    if (oauth.is_null()) {
        return "{}";
    }
    json::Value copy = oauth.deep_copy();
    copy.erase("client_auth");
    return copy.dump_canonical();
}

void read_endpoint(json::ObjectReader &reader, const OAuthProfile &oauth, std::string_view name,
                   OAuthVariable::From latest, bool required, std::string &into) {
    into = required ? reader.required_string(name) : reader.string_or(name, "");
    if (into.empty()) {
        return;
    }
    Result<void> checked = check_url_template(oauth, into, latest, std::string{name});
    if (!checked) {
        const std::string &message = checked.error().message;
        reader.refuse(name, message.substr(std::string_view{"member "}.size() + name.size() + 1));
    }
}

Result<void> read_oauth2(json::ObjectReader &reader, bool secret_stored, ProfileInput &input) {
    using From = OAuthVariable::From;
    store::Provider &provider = input.provider;
    json::Value object = reader.object_or_null("oauth");
    Result<OAuthProfile> oauth = parse_oauth_profile(object, "profile.oauth");
    if (!oauth) {
        return fail(oauth.error());
    }
    provider.oauth = canonical_oauth(object);
    if (provider.oauth.size() > kMaxOauthBytes) {
        reader.refuse("oauth", "is too large");
    }
    read_client(reader, secret_stored, *oauth, read_client_auth(reader, object), input);
    provider.enable_discovery = reader.boolean_or("enable_discovery", false);
    const OidcSettings oidc = read_oidc_settings(reader, *oauth);
    // Where the document does not say it, the profile must.
    const bool needs_urls = !provider.enable_discovery || oidc.is_forced_static();
    const bool needs_auth_url = needs_urls && oauth->grant == OAuthProfile::Grant::kAuthorizationCode &&
                                oidc.override_of("authorization_endpoint").empty();
    const bool needs_token_url = needs_urls && oidc.override_of("token_endpoint").empty();
    read_endpoint(reader, *oauth, "auth_url", From::kUser, needs_auth_url, provider.auth_url);
    read_endpoint(reader, *oauth, "token_url", From::kCallback, needs_token_url, provider.token_url);
    read_endpoint(reader, *oauth, "issuer", From::kUser, provider.enable_discovery, provider.issuer);
    read_endpoint(reader, *oauth, "api_base_url", From::kResponse, false, provider.api_base_url);
    if (provider.issuer.find_first_of("?#") != std::string::npos) {
        reader.refuse("issuer", "must have no query and no fragment");
    }
    refuse_oidc_contradictions(reader, provider, oidc);
    provider.oidc = to_json(oidc).dump_canonical();
    return {};
}

void read_static(json::ObjectReader &reader, store::Provider &provider) {
    provider.auth_header = reader.string_or("auth_header", "", 128);
    if (!is_header_name(provider.auth_header)) {
        reader.refuse("auth_header", "must be a header name");
    }
    read_url(reader, "api_base_url", provider.api_base_url, false);
    // What is empty is taken, as a profile that was read and sent back has it.
    const auto oauth_only = [&](std::string_view name, bool is_empty) {
        if (!is_empty) {
            reader.refuse(name, "is for auth_type oauth2 only");
        }
    };
    for (std::string_view name : {"client_id", "auth_url", "token_url", "issuer"}) {
        oauth_only(name, reader.string_or(name, "").empty());
    }
    const std::optional<Secret> client_secret = reader.optional_secret("client_secret");
    oauth_only("client_secret", !client_secret || client_secret->empty());
    oauth_only("enable_discovery", !reader.boolean_or("enable_discovery", false));
    oauth_only("oauth", reader.object_or_null("oauth").size() == 0);
    for (const std::string_view name : kOidcMembers) {
        oauth_only(name, reader.any(name).is_null());
    }
}

void read_scopes_and_hosts(json::ObjectReader &reader, store::Provider &provider) {
    provider.scopes = reader.strings_or_empty("scopes", 100, 256);
    if (!std::all_of(provider.scopes.begin(), provider.scopes.end(), is_scope_token)) {
        reader.refuse("scopes", "must hold scope tokens (RFC 6749 section 3.3)");
    }
    provider.allowed_hosts = reader.strings_or_empty("allowed_hosts", 64, 255);
    for (const std::string &rule : provider.allowed_hosts) {
        std::string_view host = rule;
        if (host.starts_with("*.")) {
            host.remove_prefix(2);
        }
        if (!net::parse_host_port(host) || host.find('*') != std::string_view::npos) {
            reader.refuse("allowed_hosts", "must hold host, host:port or *.suffix");
        }
    }
}

}  // namespace

bool is_provider_name(std::string_view name) noexcept {
    return !name.empty() && name.size() <= 255 &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

bool is_static_auth_type(std::string_view type) noexcept {
    return std::find(kStaticTypes.begin(), kStaticTypes.end(), type) != kStaticTypes.end();
}

json::Value settable_profile(const json::Value &profile, std::string_view id) {
    if (!profile.is_object()) {
        return profile.borrow();
    }
    constexpr std::string_view kNil = "00000000-0000-0000-0000-000000000000";
    json::Value out = profile.deep_copy();
    for (const std::string_view read_only : {"client_secret_set", "created_at", "updated_at"}) {
        out.erase(read_only);
    }
    const json::Value said = out.get("id");
    if (said.is_string() &&
        (said.as_string().empty() || said.as_string() == id || said.as_string() == kNil)) {
        out.erase("id");
    }
    return out;
}

Result<ProfileInput> parse_profile(const json::Value &profile, bool secret_stored) {
    json::ObjectReader reader(profile, "profile");
    ProfileInput input;
    store::Provider &provider = input.provider;
    provider.name = reader.required_string("name", 255);
    if (!provider.name.empty() && !is_provider_name(provider.name)) {
        reader.refuse("name", "must be of a-z, 0-9 and -");
    }
    provider.auth_type = reader.string_or("auth_type", "oauth2", 64);
    if (provider.auth_type.empty()) {
        provider.auth_type = "oauth2";
    }
    if (provider.auth_type == "oauth2") {
        if (Result<void> read = read_oauth2(reader, secret_stored, input); !read) {
            return fail(read.error());
        }
    } else if (is_static_auth_type(provider.auth_type)) {
        read_static(reader, provider);
    } else {
        return fail(Errc::kUnsupportedAuthType, "member profile.auth_type is not one that can be connected",
                    "profile.auth_type");
    }
    read_scopes_and_hosts(reader, provider);
    read_url(reader, "user_info_endpoint", provider.user_info_endpoint, false);
    provider.description = reader.string_or("description", "", 2048);
    provider.category = reader.string_or("category", "", 100);
    json::Value params = reader.object_or_null("params");
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    if (!params.is_null()) {
        provider.params = params.dump_text();
    }
    if (Result<void> checked = check_params(provider); !checked) {
        return fail(checked.error());
    }
    return input;
}

json::Value writable_profile(const store::Provider &provider) {
    json::Value out = json::Value::object();
    Result<json::Value> oauth = json::parse_object(provider.oauth);
    const Result<json::Value> oidc = json::parse_object(provider.oidc);
    out.set("name", provider.name)
        .set("auth_type", provider.auth_type)
        .set("auth_header", provider.auth_header)
        .set("client_id", provider.client_id)
        .set("auth_url", provider.auth_url)
        .set("token_url", provider.token_url)
        .set("issuer", provider.issuer)
        .set("enable_discovery", provider.enable_discovery)
        .set("scopes", provider.scopes)
        .set("api_base_url", provider.api_base_url)
        .set("user_info_endpoint", provider.user_info_endpoint)
        .set("params", params_of(provider))
        .set("oauth", oauth ? std::move(*oauth) : json::Value::object())
        .set("allowed_hosts", provider.allowed_hosts)
        .set("description", provider.description)
        .set("category", provider.category);
    for (const std::string &name : oidc ? oidc->names() : std::vector<std::string>{}) {
        out.set(name, oidc->get(name));
    }
    return out;
}

json::Value profile_to_json(const store::Provider &provider) {
    json::Value out = json::Value::object();
    json::Value writable = writable_profile(provider);
    out.set("id", provider.id);
    for (const std::string &name : writable.names()) {
        out.set(name, writable.get(name));
    }
    out.set("client_secret_set", !provider.client_secret_box.empty())
        .set("created_at", to_rfc3339(provider.created_at))
        .set("updated_at", to_rfc3339(provider.updated_at));
    return out;
}

std::vector<std::string> allowed_hosts_of(const store::Provider &provider, std::string_view api_base_url) {
    if (!provider.allowed_hosts.empty()) {
        return provider.allowed_hosts;
    }
    Result<Url> base = parse_http_url(api_base_url, "api_base_url");
    if (!base) {
        return {};
    }
    return {net::in_brackets(base->host) + ":" + std::to_string(base->port)};
}

}  // namespace nexus::control
