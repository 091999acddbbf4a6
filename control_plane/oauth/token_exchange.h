// What is said at a token endpoint for one grant, step by step and without I/O: the request, the same once
// more where the server wants its DPoP nonce, the profile's chain; and what comes of the answers. Whoever
// owns the network asks for the next request, sends it in its own way, and brings the answer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control_plane/http/http_client.h"
#include "control_plane/oauth/client.h"
#include "control_plane/oauth/client_proof.h"
#include "control_plane/oauth/token_response.h"
#include "shared/clock.h"

namespace nexus::control {

/// Movable; owns or shares all that it needs, so that it may live on while a transfer runs, on any thread
/// (one at a time).
class TokenExchange {
public:
    enum class Kind : uint8_t {
        kFirst,    // a connection's first tokens, or new ones without a refresh token: always the chain
        kRefresh,  // the chain only where the profile says so
    };

    /// url     of the token or refresh endpoint; "" = not known: ends with "missing_variable"
    /// fields  of the grant; resources, constants and the client's authentication come to them
    TokenExchange(std::shared_ptr<const OAuthClient> client, Kind kind, std::string url,
                  std::vector<FormField> fields, std::shared_ptr<DpopNonces> nonces, Clock clock);

    /// The request to send now, made anew by each call (client assertions and proofs are good for one).
    /// nullopt = there is none: the result is ready.
    std::optional<HttpRequest> next();
    /// What came of the request that next() gave.
    void answer(Result<HttpResponse> response);
    /// Once, after next() gave nullopt. Where the chain failed after the grant's own request succeeded,
    /// `refresh_token` is what came with it, if it brought one, and `may_be_redeemed` is set if it did.
    TokenResponse take_result();

private:
    Result<HttpRequest> make() const;
    void take(TokenResponse response);
    void end(TokenResponse response);

    std::shared_ptr<const OAuthClient> client_;
    Kind kind_;
    std::string url_;
    std::vector<FormField> fields_;
    std::shared_ptr<DpopNonces> nonces_;
    Clock clock_;
    ClientProof proof_;
    std::optional<TokenResponse> first_;  // while the chain's request is on its way
    std::optional<TokenResponse> result_;
};

}  // namespace nexus::control
