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
    std::string code_challenge;  // "" = no PKCE
    std::string nonce;           // "" = not an OpenID Connect request
    QueryParams extras;          // the profile's own; they cannot replace a parameter of the protocol

    // How the profile departs from the standard (profile.h).
    std::string scope_separator = " ";
    NamedTexts rename;
    std::vector<std::string> raw;
    bool skip_empty = false;
    std::string fragment;
};

/// What the client's profile says of it; the flow's own members are the caller's. code_challenge is the
/// caller's too, and is to be set where profile.pkce says so. errors kMissingFields, kInvalidRequest: a
/// variable that is not known
Result<AuthorizationRequest> authorization_request(const OAuthClient &client);

std::string authorization_url(const AuthorizationRequest &request);

/// Parameters that the protocol owns: a profile may not set them.
bool is_protocol_parameter(std::string_view name) noexcept;

/// RFC 6749 section 3.3: printable ASCII without space, quote and backslash; at most 256 bytes.
bool is_scope_token(std::string_view text) noexcept;
bool contains_openid(const std::vector<std::string> &scopes) noexcept;
std::string join_scopes(const std::vector<std::string> &scopes, std::string_view separator = " ");
/// Splits at blanks, and at the characters of `separator`; empty pieces are dropped.
std::vector<std::string> split_scopes(std::string_view text, std::string_view separator = " ");

}  // namespace nexus::control
