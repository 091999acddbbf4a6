// The URL a person is sent to (RFC 6749 section 4.1.1, RFC 7636, OpenID Connect Core section 3.1.2.1).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control_plane/url/url.h"

namespace nexus::control {

struct AuthorizationRequest {
    std::string endpoint;
    std::string client_id;
    std::string redirect_uri;
    std::vector<std::string> scopes;
    bool send_scope = true;
    std::string state;
    std::string code_challenge;
    std::string nonce;   // "" = not an OpenID Connect request
    QueryParams extras;  // the profile's own; they cannot replace a parameter of the protocol
};

std::string authorization_url(const AuthorizationRequest &request);

/// Parameters that the protocol owns: a profile may not set them.
bool is_protocol_parameter(std::string_view name) noexcept;

/// RFC 6749 section 3.3: printable ASCII without space, quote and backslash; at most 256 bytes.
bool is_scope_token(std::string_view text) noexcept;
bool contains_openid(const std::vector<std::string> &scopes) noexcept;
std::string join_scopes(const std::vector<std::string> &scopes);
/// Splits at blanks; empty pieces are dropped.
std::vector<std::string> split_scopes(std::string_view text);

}  // namespace nexus::control
