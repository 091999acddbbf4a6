// id_token verification: see id_token.h.
#include "control_plane/oidc/id_token.h"

#include <cjose/cjose.h>

#include <memory>

#include "control_plane/json/json.h"
#include "shared/encoding/base64.h"

namespace nexus::control {

namespace {

struct ReleaseJws {
    void operator()(cjose_jws_t *jws) const noexcept { cjose_jws_release(jws); }
};
using JwsPtr = std::unique_ptr<cjose_jws_t, ReleaseJws>;

tl::unexpected<Error> refuse(std::string why) {
    return fail(Errc::kInvalidIdToken, "id_token refused: " + std::move(why));
}

// aud is one string or an array of them; azp must be us where it is given, and must be given with several
// aud.
bool is_for_client(const json::Value &claims, std::string_view client_id) {
    json::Value aud = claims.get("aud");
    json::Value azp = claims.get("azp");
    if (!azp.is_null() && azp.as_string() != client_id) {
        return false;
    }
    if (aud.is_string()) {
        return aud.as_string() == client_id;
    }
    bool found = false;
    for (size_t i = 0; aud.is_array() && i < aud.size(); ++i) {
        found = found || aud.at(i).as_string() == client_id;
    }
    return found && (aud.size() == 1 || !azp.is_null());
}

// NumericDate may have a fraction (RFC 7519 section 2); integers are what providers send, others are refused.
Result<void> check_times(const json::Value &claims, int64_t now_s) {
    json::Value exp = claims.get("exp");
    json::Value iat = claims.get("iat");
    json::Value nbf = claims.get("nbf");
    if (!exp.is_integer() || !iat.is_integer()) {
        return refuse("exp or iat is missing");
    }
    if (now_s - kIdTokenSkewS >= exp.as_integer()) {
        return refuse("it has expired");
    }
    if (iat.as_integer() > now_s + kIdTokenSkewS) {
        return refuse("it was issued in the future");
    }
    if (nbf.is_integer() && nbf.as_integer() > now_s + kIdTokenSkewS) {
        return refuse("it is not valid yet");
    }
    return {};
}

Result<IdClaims> check_claims(const json::Value &claims, const IdTokenExpectation &expected) {
    if (claims.get("iss").as_string() != expected.issuer || expected.issuer.empty()) {
        return refuse("issuer is not the pinned one");
    }
    if (expected.client_id.empty() || !is_for_client(claims, expected.client_id)) {
        return refuse("audience is not this client");
    }
    if (Result<void> times = check_times(claims, expected.now / 1000); !times) {
        return tl::unexpected(times.error());
    }
    if (expected.nonce && !constant_time_equal(claims.get("nonce").as_string(), *expected.nonce)) {
        return refuse("nonce is not the one that was sent");
    }
    IdClaims out{std::string{claims.get("sub").as_string()}};
    if (out.subject.empty() || out.subject.size() > 255) {
        return refuse("subject is missing or too long");
    }
    return out;
}

Result<json::Value> verified_payload(std::string_view token, const JwkSet::Key &key) {
    cjose_err error{};
    JwsPtr jws{cjose_jws_import(token.data(), token.size(), &error)};
    if (!jws || !cjose_jws_verify(jws.get(), key.key.get(), &error)) {
        return refuse("signature is wrong");
    }
    uint8_t *text = nullptr;
    size_t size = 0;
    if (!cjose_jws_get_plaintext(jws.get(), &text, &size, &error)) {
        return refuse("it has no payload");
    }
    Result<json::Value> claims = json::parse_object({reinterpret_cast<const char *>(text), size});
    if (!claims) {
        return refuse("payload is no JSON object");
    }
    return claims;
}

}  // namespace

Result<JoseHeader> parse_jose_header(std::string_view token) {
    size_t dot = token.find('.');
    if (token.size() > kMaxIdTokenBytes || dot == std::string_view::npos) {
        return refuse("it is no signed JWT");
    }
    Result<std::string> text = encoding::base64url_decode(token.substr(0, dot));
    if (!text) {
        return refuse("header is not base64url");
    }
    Result<json::Value> object = json::parse_object(*text);
    if (!object) {
        return refuse("header is no JSON object");
    }
    if (object->contains("crit")) {
        return refuse("header demands extensions that are not supported");
    }
    JoseHeader header;
    header.algorithm = find_signature_algorithm(object->get("alg").as_string());
    if (header.algorithm == nullptr) {
        return refuse("signature algorithm is not allowed");
    }
    header.kid = object->get("kid").as_string();
    return header;
}

Result<IdClaims> verify_id_token(std::string_view token, const JwkSet &keys,
                                 const IdTokenExpectation &expected) {
    Result<JoseHeader> header = parse_jose_header(token);
    if (!header) {
        return tl::unexpected(header.error());
    }
    const JwkSet::Key *key = keys.find(header->kid, *header->algorithm);
    if (key == nullptr) {
        return refuse("no published key fits");
    }
    Result<json::Value> claims = verified_payload(token, *key);
    if (!claims) {
        return tl::unexpected(claims.error());
    }
    return check_claims(*claims, expected);
}

}  // namespace nexus::control
