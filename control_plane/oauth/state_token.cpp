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
constexpr std::string_view kReconnectUse = "reconnect";

bool is_fresh(UnixMs iat, UnixMs lifetime, UnixMs now) {
    return iat <= now + kStateSkewMs && iat > now - lifetime;
}

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
    return sign_text(object.dump_text());
}

std::string StateSigner::sign_text(const std::string &json) const {
    crypto::Sha256 mac = crypto::hmac_sha256(keys_.front().key.view(), json);
    return encoding::base64url_encode(json) + "." + encoding::base64url_encode(crypto::as_view(mac));
}

Result<json::Value> StateSigner::open_text(std::string_view token) const {
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
    return object ? std::move(object) : Result<json::Value>{refuse()};
}

Result<StateClaims> StateSigner::verify(std::string_view token, UnixMs now) const {
    Result<StateClaims> claims = open_text(token).and_then(read_claims);
    if (claims && !is_fresh(claims->iat, kStateLifetimeMs, now)) {
        return refuse();
    }
    return claims;
}

std::string StateSigner::sign_reconnect(const ReconnectClaims &claims) const {
    json::Value object = json::Value::object();
    object.set("kid", keys_.front().id)
        .set("use", kReconnectUse)
        .set("connection_id", claims.connection_id)
        .set("iat", claims.iat);
    return sign_text(object.dump_text());
}

Result<ReconnectClaims> StateSigner::verify_reconnect(std::string_view token, UnixMs now) const {
    Result<json::Value> object = open_text(token);
    if (!object) {
        return fail(object.error());
    }
    json::ObjectReader reader(*object);
    reader.ignore("kid");
    std::string use = reader.required_string("use", 32);
    ReconnectClaims claims;
    claims.connection_id = reader.required_string("connection_id", 64);
    claims.iat = reader.integer_or("iat", 0, 0, INT64_MAX);
    if (!reader.finish() || use != kReconnectUse || !encoding::is_uuid(claims.connection_id) ||
        !is_fresh(claims.iat, kReconnectLifetimeMs, now)) {
        return refuse();
    }
    return claims;
}

Result<StateClaims> verify_ticket(const StateSigner &signer, std::string_view token, UnixMs now) {
    Result<StateClaims> claims = signer.verify(token, now);
    return claims && !claims->browser.empty() ? Result<StateClaims>{refuse()} : std::move(claims);
}

}  // namespace nexus::control
