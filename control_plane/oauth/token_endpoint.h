// Talks to a provider's token and revocation endpoints, in the way its profile wants: code exchange (RFC 6749
// section 4.1.3, RFC 7636 section 4.5), client credentials (section 4.4), refresh (section 6), revocation
// (RFC 7009). How one request is put together is token_request.h's business.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

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

    /// code_verifier  is not sent where the profile has PKCE off
    TokenResponse exchange_code(const OAuthClient &client, std::string_view code, const Secret &code_verifier,
                                std::string_view redirect_uri) const;
    TokenResponse client_credentials(const OAuthClient &client, const std::vector<std::string> &scopes) const;
    /// refresh_token  what the answer had as one, or (refresh_with access_token) the access token: both come
    /// in
    ///                TokenResponse::refresh_token
    TokenResponse refresh(const OAuthClient &client, const Secret &refresh_token) const;

    /// hint  "refresh_token" or "access_token" (RFC 7009 section 2.1)
    /// errors kNotFound (the provider has no revocation endpoint), kProviderError (it refused),
    ///        kProviderUnavailable (with retry_after_s), kEgressDenied
    Result<void> revoke(const OAuthClient &client, const Secret &token, std::string_view hint) const;

private:
    TokenResponse ask(const OAuthClient &client, const std::string &url, std::vector<FormField> fields,
                      const NamedTexts &constants) const;
    TokenResponse follow_chain(const OAuthClient &client, TokenResponse first) const;
    TokenResponse finish(const OAuthClient &client, TokenResponse response) const;
    TokenResponse first_grant(const OAuthClient &client, TokenResponse response) const;
    TokenResponse send(const OAuthClient &client, const Result<HttpRequest> &request,
                       const ResponsePaths &paths) const;
    Fetch fetch_;
    Clock clock_;
};

}  // namespace nexus::control
