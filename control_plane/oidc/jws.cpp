// JSON Web Signatures: see jws.h. cjose verifies, OpenSSL where cjose has no words (Ed25519).
#include "control_plane/oidc/jws.h"

#include <cjose/cjose.h>
#include <openssl/err.h>

#include <algorithm>
#include <memory>

#include "control_plane/json/parse_problems.h"
#include "shared/crypto/openssl_ptr.h"
#include "shared/encoding/base64.h"
#include "shared/encoding/hex.h"

namespace nexus::control {

namespace {

using JwsPtr = std::unique_ptr<cjose_jws_t, crypto::OpensslDelete<cjose_jws_release>>;

constexpr size_t kMaxKidBytes = 512;
constexpr json::Limits kLimits{kMaxJwsBytes, 8};

struct Parts {
    std::string_view header;
    std::string_view payload;
    std::string_view signature;
    std::string_view signed_text;  // header "." payload
};

Result<Parts> split(std::string_view token) {
    if (token.size() > kMaxJwsBytes) {
        return refused(IdTokenRefusal::kTooLarge);
    }
    const auto dots = std::count(token.begin(), token.end(), '.');
    if (dots == 4) {
        return refused(IdTokenRefusal::kEncrypted);
    }
    if (dots != 2) {
        return refused(IdTokenRefusal::kMalformed);
    }
    const size_t first = token.find('.');
    const size_t second = token.find('.', first + 1);
    return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1),
                 token.substr(second + 1), token.substr(0, second)};
}

Result<json::Value> parse_part(std::string_view bytes, IdTokenRefusal malformed, IdTokenRefusal duplicate) {
    Result<json::Value> object = json::parse_object(bytes, kLimits);
    if (!object) {
        return refused(json::is_duplicate_member(object.error()) ? duplicate : malformed);
    }
    return object;
}

// RFC 8725 section 3.11: a token that says it is of another kind is not taken for one of ours.
bool is_plain_jwt(const json::Value &header) {
    if (!header.contains("typ")) {
        return true;
    }
    const json::Value typ = header.get("typ");
    const std::string lower = encoding::to_lower_ascii(typ.as_string());
    return lower == "jwt" || lower == "application/jwt";
}

Result<const SignatureAlgorithm *> algorithm_of(std::string_view name,
                                                std::span<const std::string> accepted) {
    const std::string lower = encoding::to_lower_ascii(name);
    if (lower == "none") {
        return refused(IdTokenRefusal::kAlgNone);
    }
    if (lower.starts_with("hs")) {
        return refused(IdTokenRefusal::kAlgHmac);
    }
    const SignatureAlgorithm *algorithm = find_signature_algorithm(name);
    if (algorithm == nullptr) {
        return refused(IdTokenRefusal::kAlgUnknown);
    }
    if (!accepted.empty() && std::find(accepted.begin(), accepted.end(), name) == accepted.end()) {
        return refused(IdTokenRefusal::kAlgNotAccepted);
    }
    return algorithm;
}

Result<JoseHeader> read_header(const json::Value &object, std::span<const std::string> accepted) {
    if (object.contains("crit")) {
        return refused(IdTokenRefusal::kCrit);
    }
    if (object.contains("b64") && !object.get("b64").as_boolean()) {
        return refused(IdTokenRefusal::kB64);
    }
    if (!is_plain_jwt(object)) {
        return refused(IdTokenRefusal::kTyp);
    }
    const json::Value alg = object.get("alg");
    const json::Value kid = object.get("kid");
    const bool has_bad_kid =
        object.contains("kid") && (kid.as_string().empty() || kid.as_string().size() > kMaxKidBytes);
    if (!alg.is_string() || has_bad_kid) {
        return refused(IdTokenRefusal::kHeaderMalformed);
    }
    return algorithm_of(alg.as_string(), accepted).map([&](const SignatureAlgorithm *algorithm) {
        return JoseHeader{algorithm, std::string{kid.as_string()}};
    });
}

bool verify_by_cjose(std::string_view token, const Jwk &key) {
    cjose_err error{};
    const JwsPtr jws{cjose_jws_import(token.data(), token.size(), &error)};
    return jws && cjose_jws_verify(jws.get(), key.cjose.get(), &error);
}

bool verify_ed25519(std::string_view signed_text, std::string_view signature, const Jwk &key) {
    const crypto::MdCtxPtr context{EVP_MD_CTX_new()};
    return context &&
           EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.ed25519.get()) == 1 &&
           EVP_DigestVerify(context.get(), crypto::as_bytes(signature), signature.size(),
                            crypto::as_bytes(signed_text), signed_text.size()) == 1;
}

// A signature has one length (RFC 7518 section 3.4); cjose takes the half of whatever comes.
bool is_signed_by(std::string_view token, const Parts &parts, const SignatureAlgorithm &algorithm,
                  std::string_view signature, const Jwk &key) {
    if (algorithm.signature_bytes != 0 && signature.size() != algorithm.signature_bytes) {
        return false;
    }
    const bool verified =
        key.cjose ? verify_by_cjose(token, key) : verify_ed25519(parts.signed_text, signature, key);
    ERR_clear_error();
    return verified;
}

}  // namespace

Result<JoseHeader> parse_jose_header(std::string_view token, std::span<const std::string> accepted) {
    const Result<Parts> parts = split(token);
    if (!parts) {
        return fail(parts.error());
    }
    if (parts->header.size() > kMaxJoseHeaderBytes) {
        return refused(IdTokenRefusal::kTooLarge);
    }
    const Result<std::string> text = encoding::base64url_decode(parts->header);
    if (!text) {
        return refused(IdTokenRefusal::kMalformed);
    }
    return parse_part(*text, IdTokenRefusal::kHeaderMalformed, IdTokenRefusal::kHeaderDuplicateMember)
        .and_then([&](const json::Value &object) { return read_header(object, accepted); });
}

Result<json::Value> signed_claims(std::string_view token, const JoseHeader &header, const JwkSet &keys) {
    const Result<Parts> parts = split(token);
    if (!parts) {
        return fail(parts.error());
    }
    const Result<std::string> payload = encoding::base64url_decode(parts->payload);
    const Result<std::string> signature = encoding::base64url_decode(parts->signature);
    if (!payload || !signature) {
        return refused(IdTokenRefusal::kMalformed);
    }
    const auto key = keys.choose(header.kid, *header.algorithm);
    if (!key) {
        return refused(key.error());
    }
    if (!is_signed_by(token, *parts, *header.algorithm, *signature, **key)) {
        return refused(IdTokenRefusal::kSignature);
    }
    return parse_part(*payload, IdTokenRefusal::kPayloadMalformed, IdTokenRefusal::kPayloadDuplicateMember);
}

}  // namespace nexus::control
