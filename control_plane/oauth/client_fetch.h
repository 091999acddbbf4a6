// Sends a client's requests to its provider's endpoints, each with what client_proof adds to it, and waits
// for the answers.
#pragma once

#include <functional>
#include <memory>

#include "control_plane/http/http_client.h"
#include "control_plane/oauth/client.h"
#include "control_plane/oauth/client_proof.h"
#include "control_plane/oauth/token_exchange.h"
#include "shared/clock.h"

namespace nexus::control {

/// The HTTP client's `send`, as a function so that tests own the network.
using Fetch = std::function<Result<HttpResponse>(const HttpRequest &)>;

class ClientFetch {
public:
    /// Puts the request together. Asked for each try anew: a client assertion is good for one request.
    using Make = std::function<Result<HttpRequest>()>;

    ClientFetch(Fetch fetch, Clock clock)
        : fetch_(std::move(fetch)), clock_(std::move(clock)), nonces_(std::make_shared<DpopNonces>()) {}

    /// errors  make's own, kInvalidKey and kCryptoFailure (the proof), fetch's own
    Result<HttpResponse> send(const OAuthClient &client, const Make &make) const;

    /// Goes through an exchange to its end.
    TokenResponse run(TokenExchange exchange) const;

    /// For exchanges that go their own way with the same servers.
    const std::shared_ptr<DpopNonces> &nonces() const noexcept { return nonces_; }

private:
    Fetch fetch_;
    Clock clock_;
    std::shared_ptr<DpopNonces> nonces_;  // shared by copies
};

}  // namespace nexus::control
