// How a provider's OAuth departs from the standard, as data: the `oauth` member of a profile
// (docs/providers.md). What is not said here is the standard's way. Parsed strictly; using it is the business
// of authorization_url, token_endpoint and token_response.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control_plane/json/json.h"
#include "control_plane/oauth/profile_refresh.h"
#include "shared/result.h"

namespace nexus::control {

using NamedTexts = std::vector<std::pair<std::string, std::string>>;

/// How the client proves itself at the token endpoint (RFC 6749 section 2.3.1, RFC 7523, RFC 8705).
enum class ClientAuth : uint8_t {
    kSecretPost,
    kSecretBasic,
    kSecretAsUser,   // Basic with the secret as user name and no password
    kPrivateKeyJwt,  // RFC 7523: the client secret is a private key
    kTlsClientAuth,  // RFC 8705: the client secret is a certificate and its private key
    kSelfSignedTls,  // the same with a certificate that the provider knows, and no CA
    kNone,
};

/// Does the client show a certificate in the TLS handshake?
bool is_mutual_tls(ClientAuth auth) noexcept;

/// Canonical name ("client_secret_post", ...); the reference's spellings and short ones are understood.
std::optional<ClientAuth> parse_client_auth(std::string_view name) noexcept;
std::string_view to_string(ClientAuth auth) noexcept;

/// A {name} of the profile's templates.
struct OAuthVariable {
    enum class From : uint8_t { kUser, kCallback, kResponse };

    std::string name;
    std::string pattern;  // the whole value must match (pattern.h)
    std::string title;    // for forms
    std::string description;
    std::optional<std::string> default_value;
    From from = From::kUser;
    std::string field;  // name of the callback's parameter, or path in the token answer
};

/// Where things are in a token answer: paths as in json_path.h.
struct ResponsePaths {
    std::string access_token = "access_token";
    std::string refresh_token = "refresh_token";
    std::string id_token = "id_token";
    std::string token_type = "token_type";
    std::string scope = "scope";
    std::string expires_in = "expires_in";
    bool expires_in_ms = false;
    std::string error = "error";
};

/// The answer is a success only if the value at `path` is this one.
struct SuccessTest {
    std::string path;
    json::Value equals;
};

enum class TokenBody : uint8_t { kForm, kJson, kQuery };

/// One further request after a token answer: short-lived for long-lived token.
struct TokenChain {
    std::string url;  // template
    TokenBody body = TokenBody::kForm;
    bool on_refresh = false;
    NamedTexts params;  // templates; {access_token}, {refresh_token}, {client_id}, {client_secret} too
    ResponsePaths response;
};

/// How the token goes onto a request; all empty = Authorization: Bearer.
struct TokenInjection {
    std::string header_name;
    std::string value_prefix;
    std::string param_name;
};

/// Pushed authorization requests (RFC 9126): auto = where the provider's metadata requires them.
enum class PushedRequests : uint8_t { kAuto, kOn, kOff };

struct OAuthProfile {
    enum class Grant : uint8_t { kAuthorizationCode, kClientCredentials, kDeviceCode, kTokenExchange };

    Grant grant = Grant::kAuthorizationCode;
    bool pkce = true;                    // S256
    std::vector<std::string> resources;  // RFC 8707: where the tokens are to be used
    PushedRequests par = PushedRequests::kAuto;
    bool own_redirect_uri = false;  // services/consents/redirect_uri.h
    bool dpop = false;              // RFC 9449: tokens are bound to a key of the connection's own

    NamedTexts authorization_params;             // values are templates
    NamedTexts authorization_rename;             // "" = left out
    std::vector<std::string> authorization_raw;  // parameters that are not percent-encoded; "*" = all
    bool authorization_skip_empty = false;
    std::string authorization_fragment;  // put before the query, behind '#'
    std::string code_param = "code";     // of the callback

    NamedTexts token_params;
    NamedTexts refresh_params;
    NamedTexts token_rename;
    NamedTexts token_headers;
    TokenBody token_body = TokenBody::kForm;
    std::string assertion_alg = "RS256";  // private_key_jwt: RS256 or ES256
    std::string assertion_kid;
    std::string assertion_audience;  // "" = the issuer if there is one, else the token endpoint
    std::string scope_separator = " ";

    std::string refresh_url;     // template
    std::string revocation_url;  // template
    bool refresh_with_access_token = false;
    RefreshReuse reuse;
    std::vector<RateLimit> rate_limits;            // of token requests, all in force at once
    std::vector<RefreshErrorRule> refresh_errors;  // first match wins, before what the standard says

    ResponsePaths response;
    std::optional<SuccessTest> success;
    std::vector<std::string> dead_grant_errors;  // error codes that mean invalid_grant
    int64_t default_expires_in_s = 0;            // 0 = none
    NamedTexts keep_response_fields;             // name in metadata, path in the answer
    NamedTexts keep_callback_fields;             // name in metadata, parameter of the callback
    std::string account_field;                   // of the kept ones, the one that tells accounts apart
    std::optional<TokenChain> chain;

    std::vector<OAuthVariable> variables;
    TokenInjection injection;

    const OAuthVariable *find_variable(std::string_view name) const noexcept;
};

/// oauth  the member, or null: the standard. `client_auth` in it is read by the caller (it is auth_header's
/// alias) path   for errors: "profile.oauth" errors kInvalidRequest, kMissingFields: name the member
Result<OAuthProfile> parse_oauth_profile(const json::Value &oauth, const std::string &path);

/// Of a stored text. errors as above
Result<OAuthProfile> stored_oauth_profile(std::string_view text);

/// A URL of the profile that may hold {variables}: they must be declared, and known by the time it is used.
/// latest  the latest source it may use: an authorization URL knows what the user says only
/// errors  kInvalidRequest: names `member`
Result<void> check_url_template(const OAuthProfile &profile, std::string_view url, OAuthVariable::From latest,
                                const std::string &member);

}  // namespace nexus::control
