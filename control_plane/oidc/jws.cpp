// JSON Web Signatures: see jws.h. What is not about providers is in shared/jose/.
#include "control_plane/oidc/jws.h"

#include <array>

#include "control_plane/json/parse_problems.h"
#include "shared/encoding/base64.h"

namespace nexus::control {

namespace {

constexpr json::Limits kLimits{kMaxJwsBytes, 8};
constexpr std::array<std::string_view, 1> kTypes{"jwt"};

Result<json::Value> parse_part(std::string_view bytes, IdTokenRefusal malformed, IdTokenRefusal duplicate) {
    Result<json::Value> object = json::parse_object(bytes, kLimits);
    if (!object) {
        return refused(json::is_duplicate_member(object.error()) ? duplicate : malformed);
    }
    return object;
}

}  // namespace

Result<jose::JoseHeader> parse_jose_header(std::string_view token, std::span<const std::string> accepted) {
    const auto parts = jose::split_compact(token, kMaxJwsBytes);
    if (!parts) {
        return refused(parts.error());
    }
    if (parts->header.size() > kMaxJoseHeaderBytes) {
        return refused(IdTokenRefusal::kTooLarge);
    }
    const Result<std::string> text = encoding::base64url_decode(parts->header);
    if (!text) {
        return refused(IdTokenRefusal::kMalformed);
    }
    const Result<json::Value> object =
        parse_part(*text, IdTokenRefusal::kHeaderMalformed, IdTokenRefusal::kHeaderDuplicateMember);
    if (!object) {
        return fail(object.error());
    }
    const auto header = jose::read_jose_header(object->raw(), accepted, kTypes);
    return header ? Result<jose::JoseHeader>{*header} : refused(header.error());
}

Result<json::Value> signed_claims(std::string_view token, const jose::JoseHeader &header,
                                  const jose::JwkSet &keys) {
    const auto parts = jose::split_compact(token, kMaxJwsBytes);
    if (!parts) {
        return refused(parts.error());
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
    if (!jose::verify_signature(**key, *header.algorithm, parts->signed_text, *signature)) {
        return refused(IdTokenRefusal::kSignature);
    }
    return parse_part(*payload, IdTokenRefusal::kPayloadMalformed, IdTokenRefusal::kPayloadDuplicateMember);
}

}  // namespace nexus::control
