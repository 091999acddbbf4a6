// id_tokens and the keys they need: see id_token_verifier.h.
#include "control_plane/oidc/id_token_verifier.h"

#include <chrono>

#include "control_plane/metrics/metrics.h"

namespace nexus::control {

Result<IdClaims> IdTokenVerifier::verify(std::string_view token, const std::string &issuer,
                                         const std::string &client_id,
                                         const std::optional<std::string> &nonce) const {
    auto start = std::chrono::steady_clock::now();
    Result<IdClaims> claims = parse_jose_header(token).and_then([&](const JoseHeader &header) {
        return discovery_.keys(issuer, header.kid).and_then([&](const std::shared_ptr<const JwkSet> &keys) {
            return verify_id_token(token, *keys, IdTokenExpectation{issuer, client_id, nonce, clock_()});
        });
    });
    if (metrics_ != nullptr) {
        double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        metrics_->oidc_verification(claims ? "success" : "error", seconds);
    }
    return claims;
}

}  // namespace nexus::control
