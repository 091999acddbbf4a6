// DPoP keys, proofs and nonces: see dpop.h. cjose makes keys and signs.
#include "control_plane/oauth/dpop.h"

#include <cjose/cjose.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "control_plane/json/json.h"
#include "control_plane/url/url.h"
#include "shared/crypto/digest.h"
#include "shared/crypto/openssl_ptr.h"
#include "shared/encoding/base64.h"

namespace nexus::control {

namespace {

using JwkPtr = std::unique_ptr<cjose_jwk_t, crypto::OpensslDelete<cjose_jwk_release>>;
using JwsPtr = std::unique_ptr<cjose_jws_t, crypto::OpensslDelete<cjose_jws_release>>;
using HeaderPtr = std::unique_ptr<cjose_header_t, crypto::OpensslDelete<cjose_header_release>>;
using TextPtr = std::unique_ptr<char, crypto::OpensslDelete<std::free>>;

constexpr size_t kMaxServers = 256;
constexpr size_t kMaxNonceBytes = 512;

tl::unexpected<Error> no_proof() {
    return fail(Errc::kCryptoFailure, "the DPoP proof could not be signed");
}

std::string origin_of(std::string_view url) {
    const Result<Url> parsed = parse_http_url(url, "url");
    return parsed ? parsed->scheme + "://" + parsed->host + ":" + std::to_string(parsed->port) : "";
}

bool is_nonce(std::string_view text) {
    return !text.empty() && text.size() <= kMaxNonceBytes &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
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

Result<std::string> dpop_proof(const Secret &key, const DpopClaims &claims) {
    cjose_err error{};
    const JwkPtr jwk{cjose_jwk_import(key.view().data(), key.view().size(), &error)};
    const TextPtr public_key{jwk ? cjose_jwk_to_json(jwk.get(), false, &error) : nullptr};
    if (!public_key) {
        return fail(Errc::kInvalidKey, "the DPoP key of the connection is unreadable");
    }
    const HeaderPtr header{cjose_header_new(&error)};
    const bool headed = header &&
                        cjose_header_set(header.get(), CJOSE_HDR_ALG, CJOSE_HDR_ALG_ES256, &error) &&
                        cjose_header_set(header.get(), "typ", "dpop+jwt", &error) &&
                        cjose_header_set_raw(header.get(), "jwk", public_key.get(), &error);
    json::Value payload = json::Value::object();
    payload.set("jti", claims.jti)
        .set("htm", claims.method)
        .set("htu", claims.url.substr(0, claims.url.find_first_of("?#")))
        .set("iat", claims.now / 1000);
    if (!claims.nonce.empty()) {
        payload.set("nonce", claims.nonce);
    }
    if (!claims.access_token.empty()) {
        payload.set("ath", encoding::base64url_encode(crypto::as_view(crypto::sha256(claims.access_token))));
    }
    const std::string text = payload.dump_text();
    const JwsPtr jws{headed
                         ? cjose_jws_sign(jwk.get(), header.get(),
                                          reinterpret_cast<const uint8_t *>(text.data()), text.size(), &error)
                         : nullptr};
    const char *compact = nullptr;
    if (!jws || !cjose_jws_export(jws.get(), &compact, &error)) {
        return no_proof();
    }
    return std::string{compact};
}

std::string DpopNonces::of(std::string_view url) const {
    const std::scoped_lock lock(mutex_);
    const auto found = nonces_.find(origin_of(url));
    return found == nonces_.end() ? "" : found->second;
}

void DpopNonces::remember(std::string_view url, std::string_view nonce) {
    std::string origin = origin_of(url);
    if (origin.empty() || !is_nonce(nonce)) {
        return;
    }
    const std::scoped_lock lock(mutex_);
    if (nonces_.size() >= kMaxServers && !nonces_.contains(origin)) {
        nonces_.erase(nonces_.begin());  // any: whose is gone is asked for again
    }
    nonces_[std::move(origin)] = nonce;
}

}  // namespace nexus::control
