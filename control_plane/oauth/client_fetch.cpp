// Requests with proofs, sent: see client_fetch.h.
#include "control_plane/oauth/client_fetch.h"

namespace nexus::control {

Result<HttpResponse> ClientFetch::send(const OAuthClient &client, const Make &make) const {
    ClientProof proof(nonces_);
    for (;;) {
        Result<HttpRequest> request = make().and_then(
            [&](HttpRequest made) { return proof.add_to(std::move(made), client.dpop_key, clock_()); });
        if (!request) {
            return fail(request.error());
        }
        Result<HttpResponse> response = fetch_(*request);
        if (!response || !proof.wants_another_try(*response)) {
            return response;
        }
    }
}

TokenResponse ClientFetch::run(TokenExchange exchange) const {
    while (std::optional<HttpRequest> request = exchange.next()) {
        exchange.answer(fetch_(*request));
    }
    return exchange.take_result();
}

}  // namespace nexus::control
