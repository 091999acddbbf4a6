// Requests with proofs: see client_fetch.h.
#include "control_plane/oauth/client_fetch.h"

#include "control_plane/json/json.h"
#include "shared/crypto/random.h"

namespace nexus::control {

namespace {

constexpr std::string_view kNonceHeader = "dpop-nonce";

bool wants_nonce(const HttpResponse &response) {
    if ((response.status != 400 && response.status != 401) || response.header(kNonceHeader).empty()) {
        return false;
    }
    const Result<json::Value> object = json::parse_object(response.body.view());
    return object && object->get("error").as_string() == "use_dpop_nonce";
}

}  // namespace

Result<HttpResponse> ClientFetch::send(const OAuthClient &client, const Make &make) const {
    std::string url;
    Result<HttpResponse> response = send_once(client, make, url);
    if (response && !client.dpop_key.empty() && wants_nonce(*response)) {
        return send_once(client, make, url);
    }
    return response;
}

Result<HttpResponse> ClientFetch::send_once(const OAuthClient &client, const Make &make,
                                            std::string &url) const {
    Result<HttpRequest> request = make();
    if (!request) {
        return fail(request.error());
    }
    if (client.dpop_key.empty()) {
        return fetch_(*request);
    }
    url = request->url;
    const std::string nonce = nonces_->of(url);
    Result<std::string> proof =
        dpop_proof(client.dpop_key, DpopClaims{request->method, url, nonce, crypto::random_uuid(), clock_()});
    if (!proof) {
        return fail(proof.error());
    }
    request->headers.emplace_back("DPoP", std::move(*proof));
    Result<HttpResponse> response = fetch_(*request);
    if (response) {
        nonces_->remember(url, response->header(kNonceHeader));
    }
    return response;
}

}  // namespace nexus::control
