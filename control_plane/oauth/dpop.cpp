// DPoP keys and nonces: see dpop.h. cjose makes keys; proofs are made as the edge makes them.
#include "control_plane/oauth/dpop.h"

#include <cjose/cjose.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "control_plane/url/url.h"
#include "shared/crypto/openssl_ptr.h"

namespace nexus::control {

namespace {

using JwkPtr = std::unique_ptr<cjose_jwk_t, crypto::OpensslDelete<cjose_jwk_release>>;
using TextPtr = std::unique_ptr<char, crypto::OpensslDelete<std::free>>;

constexpr size_t kMaxServers = 256;

std::string origin_of(std::string_view url) {
    const Result<Url> parsed = parse_http_url(url, "url");
    return parsed ? parsed->scheme + "://" + parsed->host + ":" + std::to_string(parsed->port) : "";
}

}  // namespace

Result<Secret> new_dpop_key() {
    cjose_err error{};
    const JwkPtr key{cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error)};
    const TextPtr text{key ? cjose_jwk_to_json(key.get(), true, &error) : nullptr};
    if (!text) {
        return fail(Errc::kCryptoFailure, "the DPoP key could not be made");
    }
    Secret out{std::string_view{text.get()}};
    OPENSSL_cleanse(text.get(), std::strlen(text.get()));
    return out;
}

Result<std::string> dpop_proof(const Secret &key, const jose::DpopClaims &claims) {
    const Result<jose::DpopKey> parsed = jose::DpopKey::parse(key.view());
    return parsed ? parsed->proof(claims) : fail(parsed.error());
}

std::string DpopNonces::of(std::string_view url) const {
    const std::scoped_lock lock(mutex_);
    const auto found = nonces_.find(origin_of(url));
    return found == nonces_.end() ? "" : found->second;
}

void DpopNonces::remember(std::string_view url, std::string_view nonce) {
    std::string origin = origin_of(url);
    if (origin.empty() || !jose::is_dpop_nonce(nonce)) {
        return;
    }
    const std::scoped_lock lock(mutex_);
    if (nonces_.size() >= kMaxServers && !nonces_.contains(origin)) {
        nonces_.erase(nonces_.begin());  // any: whose is gone is asked for again
    }
    nonces_[std::move(origin)] = nonce;
}

}  // namespace nexus::control
