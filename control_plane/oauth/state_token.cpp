// The `state` parameter: see state_token.h.
#include "control_plane/oauth/state_token.h"

#include <cstdint>

#include "control_plane/json/json.h"
#include "shared/crypto/digest.h"
#include "shared/encoding/base64.h"
#include "shared/encoding/hex.h"

namespace nexus::control {

namespace {

constexpr size_t kStateKeyBytes = 32;

tl::unexpected<Error> refuse() {
    return fail(Errc::kInvalidState, "the state is unknown, expired, used or not ours");
}

std::string key_id(const Secret &key) {
    crypto::Sha256 mac = crypto::hmac_sha256(key.view(), "nexus key id v1");
    return encoding::hex_encode(crypto::as_view(mac).substr(0, 8));
}

Result<StateClaims> read_claims(const json::Value &object) {
    json::ObjectReader reader(object);
    StateClaims claims;
    reader.ignore("kid");
    claims.jti = reader.required_string("jti", 64);
    claims.workspace_id = reader.required_string("workspace_id", 255);
    claims.provider_id = reader.required_string("provider_id", 64);
    claims.connection_id = reader.required_string("connection_id", 64);
    claims.iat = reader.integer_or("iat", 0, 0, INT64_MAX);
    claims.browser = reader.string_or("browser", "", 64);
    if (!reader.finish() || !encoding::is_uuid(claims.jti) || !encoding::is_uuid(claims.provider_id) ||
        !encoding::is_uuid(claims.connection_id)) {
        return refuse();
    }
    return claims;
}

}  // namespace

Result<StateSigner> StateSigner::create(std::vector<Secret> keys) {
    std::vector<Key> ring;
    for (Secret &key : keys) {
        if (key.size() != kStateKeyBytes) {
            return fail(Errc::kInvalidKey, "STATE_KEY is not 32 bytes");
        }
        std::string id = key_id(key);
        ring.push_back(Key{std::move(id), std::move(key)});
    }
    if (ring.empty()) {
        return fail(Errc::kInvalidKey, "STATE_KEY is not set");
    }
    return StateSigner(std::move(ring));
}

std::string StateSigner::sign(const StateClaims &claims) const {
    const Key &key = keys_.front();
    json::Value object = json::Value::object();
    object.set("kid", key.id)
        .set("jti", claims.jti)
        .set("workspace_id", claims.workspace_id)
        .set("provider_id", claims.provider_id)
        .set("connection_id", claims.connection_id)
        .set("iat", claims.iat);
    if (!claims.browser.empty()) {
        object.set("browser", claims.browser);
    }
    std::string text = object.dump_text();
    crypto::Sha256 mac = crypto::hmac_sha256(key.key.view(), text);
    return encoding::base64url_encode(text) + "." + encoding::base64url_encode(crypto::as_view(mac));
}

Result<StateClaims> StateSigner::verify(std::string_view token, UnixMs now) const {
    size_t dot = token.find('.');
    if (token.size() > kMaxStateBytes || dot == std::string_view::npos) {
        return refuse();
    }
    Result<std::string> text = encoding::base64url_decode(token.substr(0, dot));
    Result<std::string> mac = encoding::base64url_decode(token.substr(dot + 1));
    if (!text || !mac) {
        return refuse();
    }
    // The signature first: the JSON of a stranger is not parsed. Every key is tried; there are at most a few.
    bool authentic = false;
    for (const Key &key : keys_) {
        crypto::Sha256 expected = crypto::hmac_sha256(key.key.view(), *text);
        authentic = constant_time_equal(crypto::as_view(expected), *mac) || authentic;
    }
    if (!authentic) {
        return refuse();
    }
    Result<json::Value> object = json::parse_object(*text);
    if (!object) {
        return refuse();
    }
    Result<StateClaims> claims = read_claims(*object);
    if (!claims) {
        return refuse();
    }
    if (claims->iat > now + kStateSkewMs || claims->iat + kStateLifetimeMs <= now) {
        return refuse();
    }
    return claims;
}

Result<StateClaims> verify_ticket(const StateSigner &signer, std::string_view token, UnixMs now) {
    Result<StateClaims> claims = signer.verify(token, now);
    return claims && !claims->browser.empty() ? Result<StateClaims>{refuse()} : std::move(claims);
}

}  // namespace nexus::control
