// Talks to a token endpoint: code exchange (RFC 6749 section 4.1.3, RFC 7636 section 4.5) and refresh
// (section 6).
#pragma once

#include <functional>
#include <string_view>

#include "control_plane/http/http_client.h"
#include "control_plane/oauth/client.h"
#include "control_plane/oauth/token_response.h"
#include "shared/clock.h"

namespace nexus::control {

/// The HTTP client's `send`, as a function so that tests own the network.
using Fetch = std::function<Result<HttpResponse>(const HttpRequest &)>;

class TokenEndpoint {
public:
    TokenEndpoint(Fetch fetch, Clock clock) : fetch_(std::move(fetch)), clock_(std::move(clock)) {}

    TokenResponse exchange_code(const OAuthClient &client, std::string_view code, const Secret &code_verifier,
                                std::string_view redirect_uri) const;
    TokenResponse refresh(const OAuthClient &client, const Secret &refresh_token) const;

private:
    TokenResponse post(const OAuthClient &client, std::vector<FormField> form) const;
    Fetch fetch_;
    Clock clock_;
};

}  // namespace nexus::control
