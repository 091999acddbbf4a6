// Talks to a provider's token and revocation endpoints, in the way its profile wants: code exchange (RFC 6749
// section 4.1.3, RFC 7636 section 4.5), client credentials (section 4.4), refresh (section 6), revocation
// (RFC 7009), device codes (RFC 8628), token exchange (RFC 8693), pushed authorization requests (RFC 9126).
// How one request is put together is token_request.h's business, what follows from the answers
// token_exchange.h's.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control_plane/oauth/client.h"
#include "control_plane/oauth/client_fetch.h"
#include "control_plane/oauth/device_authorization.h"
#include "control_plane/oauth/token_exchange.h"
#include "control_plane/oauth/token_response.h"
#include "control_plane/url/url.h"
#include "shared/clock.h"

namespace nexus::control {

/// What is exchanged for a token of the provider's (RFC 8693 section 2.1).
struct SubjectToken {
    Secret token;      // empty = none
    std::string type;  // an URI: "urn:ietf:params:oauth:token-type:access_token", ...
};

class TokenEndpoint {
public:
    TokenEndpoint(Fetch fetch, Clock clock) : fetch_(std::move(fetch), clock), clock_(std::move(clock)) {}

    /// Pushes an authorization request (RFC 9126).
    /// params   authorization_params
    /// returns  the request_uri
    /// errors   kProviderError (detail: a code from a fixed list), kProviderUnavailable, kEgressDenied
    Result<std::string> push_authorization(const OAuthClient &client, const QueryParams &params) const;

    /// code_verifier  is not sent where the profile has PKCE off
    TokenResponse exchange_code(const OAuthClient &client, std::string_view code, const Secret &code_verifier,
                                std::string_view redirect_uri) const;
    TokenResponse client_credentials(const OAuthClient &client, const std::vector<std::string> &scopes) const;
    /// refresh_token  what the answer had as one, or (refresh_with access_token) the access token: both come
    /// in
    ///                TokenResponse::refresh_token
    TokenResponse refresh(const OAuthClient &client, const Secret &refresh_token) const;

    /// The two above for whoever sends the requests itself. With `refresh_token_use: single_use` the refresh
    /// is a single shot (http_client.h).
    TokenExchange begin_client_credentials(std::shared_ptr<const OAuthClient> client,
                                           const std::vector<std::string> &scopes) const;
    TokenExchange begin_refresh(std::shared_ptr<const OAuthClient> client, const Secret &refresh_token) const;

    /// Begins a device flow. errors as push_authorization
    Result<DeviceAuthorization> authorize_device(const OAuthClient &client,
                                                 const std::vector<std::string> &scopes) const;
    /// Has the person agreed by now? Not yet: is_passing(outcome), "authorization_pending" or "slow_down".
    /// No, or too late: kConfiguration, "access_denied" or "expired_token".
    TokenResponse poll_device(const OAuthClient &client, const Secret &device_code) const;
    TokenResponse exchange_token(const OAuthClient &client, const SubjectToken &subject,
                                 const std::vector<std::string> &scopes) const;

    /// hint  "refresh_token" or "access_token" (RFC 7009 section 2.1)
    /// errors kNotFound (the provider has no revocation endpoint), kProviderError (it refused),
    ///        kProviderUnavailable (with retry_after_s), kEgressDenied
    Result<void> revoke(const OAuthClient &client, const Secret &token, std::string_view hint) const;

private:
    /// For a connection's first tokens, or new ones of a machine's.
    TokenResponse ask(const OAuthClient &client, std::vector<FormField> fields) const;
    TokenExchange begin_first(std::shared_ptr<const OAuthClient> client, std::vector<FormField> fields) const;

    ClientFetch fetch_;
    Clock clock_;
};

}  // namespace nexus::control
