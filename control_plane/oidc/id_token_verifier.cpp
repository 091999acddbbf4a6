// id_tokens and the keys they need: see id_token_verifier.h.
#include "control_plane/oidc/id_token_verifier.h"

#include <chrono>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"

namespace nexus::control {

Result<IdClaims> IdTokenVerifier::verify(std::string_view token, const IssuerSource &source,
                                         IdTokenExpectation expected, std::string_view connection_id) const {
    auto start = std::chrono::steady_clock::now();
    expected.now = clock_();
    Result<IdClaims> claims =
        token.empty() ? refused(IdTokenRefusal::kMissing) : verify_with_current_keys(token, source, expected);
    const std::string_view reason = claims ? "none" : refusal_code(claims.error());
    if (metrics_ != nullptr) {
        double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        metrics_->oidc_verification(claims ? "success" : "error", reason, seconds);
    }
    if (!claims) {
        log::warn("id_token_refused", {{"connection_id", connection_id}, {"reason", reason}});
    }
    return claims;
}

Result<IdClaims> IdTokenVerifier::verify_with_current_keys(std::string_view token, const IssuerSource &source,
                                                           const IdTokenExpectation &expected) const {
    const Result<jose::JoseHeader> header = parse_jose_header(token, expected.algorithms);
    if (!header) {
        return fail(header.error());
    }
    const Result<std::shared_ptr<const jose::JwkSet>> keys = discovery_.keys(source, header->kid);
    if (!keys) {
        return refused(IdTokenRefusal::kKeysUnavailable);  // why not is in discovery's log line
    }
    return verify_id_token(token, *header, **keys, expected);
}

}  // namespace nexus::control
