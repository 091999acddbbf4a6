// The URL a person is sent to (RFC 6749 section 4.1.1, RFC 7636, OpenID Connect Core section 3.1.2.1), as the
// provider's profile wants it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control_plane/oauth/profile.h"
#include "control_plane/url/url.h"

namespace nexus::control {

struct OAuthClient;

struct AuthorizationRequest {
    std::string endpoint;
    std::string client_id;
    std::string redirect_uri;
    std::vector<std::string> scopes;
    bool send_scope = true;
    std::string state;
    std::string code_challenge;          // "" = no PKCE
    std::string nonce;                   // "" = not an OpenID Connect request
    std::vector<std::string> resources;  // RFC 8707
    QueryParams extras;                  // the profile's own; they cannot replace a parameter of the protocol

    // How the profile departs from the standard (profile.h).
    std::string scope_separator = " ";
    NamedTexts rename;
    std::vector<std::string> raw;
    bool skip_empty = false;
    std::string fragment;
};

/// What the client's profile says of it; the flow's own members are the caller's. code_challenge is the
/// caller's too, and is to be set where profile.pkce says so. errors kMissingFields, kInvalidRequest: a
/// variable that is not known; kProviderError:
/// PAR is wanted and cannot be used, or the provider requires it and it is off
Result<AuthorizationRequest> authorization_request(const OAuthClient &client);

std::string authorization_url(const AuthorizationRequest &request);

/// The parameters of the request alone, under the names that the provider uses: what is pushed (RFC 9126).
QueryParams authorization_params(const AuthorizationRequest &request);
/// The URL of a request that was pushed (RFC 9126 section 4).
std::string pushed_authorization_url(const AuthorizationRequest &request, std::string_view request_uri);

/// Parameters that the protocol owns: a profile may not set them.
bool is_protocol_parameter(std::string_view name) noexcept;

/// RFC 6749 section 3.3: printable ASCII without space, quote and backslash; at most 256 bytes.
bool is_scope_token(std::string_view text) noexcept;
bool contains_openid(const std::vector<std::string> &scopes) noexcept;
std::string join_scopes(const std::vector<std::string> &scopes, std::string_view separator = " ");
/// Splits at blanks, and at the characters of `separator`; empty pieces are dropped.
std::vector<std::string> split_scopes(std::string_view text, std::string_view separator = " ");

}  // namespace nexus::control
