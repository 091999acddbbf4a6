// oauth2 with a token that is bound to a key (RFC 9449 section 7): the token goes with a proof about the
// request.
#include "shared/http1/syntax.h"
#include "shared/http1/target_uri.h"
#include "shared/join.h"
#include "shared/secret.h"
#include "shared/strategy/parts.h"
#include "shared/strategy/signing_strategies.h"

namespace nexus::strategy {

Result<Signature> dpop(const record::TokenView &record, const ReadRequest &request, const DpopKeys &keys) {
    const Result<std::string_view> token = credential(record, "access_token");
    if (!token) {
        return tl::unexpected(token.error());
    }
    if (record.dpop_key().empty()) {
        return failed("the token is bound to a key that the record does not have");
    }
    const std::string_view host = http1::find_header(request.whole.head, "Host");
    if (host.empty() || request.whole.unique.empty()) {
        return failed("the request cannot be signed: it lacks a Host line, or a jti");
    }
    const Result<std::shared_ptr<const jose::DpopKey>> key = keys(record.dpop_key());
    if (!key) {
        return failed(key.error().message);
    }
    Result<std::string> proof =
        (*key)->proof({.method = request.head.request.method,
                       .uri = http1::target_uri(request.whole.is_tls, host, request.head.request.target),
                       .nonce = request.whole.dpop_nonce,
                       .jti = request.whole.unique,
                       .now = request.whole.now,
                       .access_token = *token});
    if (!proof) {
        return failed(proof.error().message);
    }

    std::pmr::memory_resource *const scratch = request.whole.scratch;
    Signature signature{std::pmr::vector<SignedLine>{scratch}, std::pmr::string{*proof, scratch}};
    signature.set.push_back({"Authorization", join({"DPoP ", *token}, scratch)});
    signature.set.push_back({"DPoP", std::pmr::string{*proof, scratch}});
    wipe(*proof);
    return signature;
}

Result<std::shared_ptr<const jose::DpopKey>> parse_dpop_key(std::string_view private_jwk) {
    Result<jose::DpopKey> key = jose::DpopKey::parse(private_jwk);
    if (!key) {
        return tl::unexpected(std::move(key).error());
    }
    return std::make_shared<const jose::DpopKey>(std::move(*key));
}

}  // namespace nexus::strategy
