// Proofs and nonces: see client_proof.h.
#include "control_plane/oauth/client_proof.h"

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

Result<HttpRequest> ClientProof::add_to(HttpRequest request, const Secret &dpop_key, UnixMs now) {
    if (dpop_key.empty()) {
        return request;
    }
    url_ = request.url;
    request.is_dpop_bound = request.bearer_token.has_value();
    const std::string_view token = request.is_dpop_bound ? request.bearer_token->view() : std::string_view{};
    Result<std::string> proof = dpop_proof(dpop_key, jose::DpopClaims{request.method, url_, nonces_->of(url_),
                                                                      crypto::random_uuid(), now, token});
    if (!proof) {
        return fail(proof.error());
    }
    request.headers.emplace_back("DPoP", std::move(*proof));
    return request;
}

bool ClientProof::wants_another_try(const HttpResponse &response) {
    if (url_.empty()) {
        return false;
    }
    nonces_->remember(url_, response.header(kNonceHeader));
    const bool again = !is_second_try_ && wants_nonce(response);
    is_second_try_ = is_second_try_ || again;
    return again;
}

}  // namespace nexus::control
