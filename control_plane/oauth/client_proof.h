// What one request of a client's needs beside its content: a DPoP proof where the client has a key, made for
// each try anew, and a second try where the server wants its nonce in the proof (RFC 9449 section 8). Sends
// nothing.
#pragma once

#include <memory>
#include <string>

#include "control_plane/http/http_client.h"
#include "control_plane/oauth/dpop.h"
#include "shared/clock.h"
#include "shared/secret.h"

namespace nexus::control {

class ClientProof {
public:
    explicit ClientProof(std::shared_ptr<DpopNonces> nonces) : nonces_(std::move(nonces)) {}

    /// Adds the proof; without a key nothing is added.
    /// errors  kInvalidKey, kCryptoFailure
    Result<HttpRequest> add_to(HttpRequest request, const Secret &dpop_key, UnixMs now);
    /// Takes the answer's nonce. true = the request is to be made anew and sent once more; never twice.
    bool wants_another_try(const HttpResponse &response);

private:
    std::shared_ptr<DpopNonces> nonces_;
    std::string url_;  // of the request that a proof was added to; "" = none was
    bool is_second_try_ = false;
};

}  // namespace nexus::control
