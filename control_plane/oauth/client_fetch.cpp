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
    if (response.header("www-authenticate").find("use_dpop_nonce") != std::string_view::npos) {
        return true;  // of a resource (section 9)
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
    request->is_dpop_bound = request->bearer_token.has_value();
    const std::string_view token =
        request->is_dpop_bound ? request->bearer_token->view() : std::string_view{};
    Result<std::string> proof = dpop_proof(
        client.dpop_key, DpopClaims{request->method, url, nonce, crypto::random_uuid(), clock_(), token});
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
