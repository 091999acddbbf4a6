// Canonical request, string to sign, signature.
#include "shared/sigv4/sign.h"

#include "shared/crypto/digest.h"
#include "shared/encoding/hex.h"
#include "shared/sigv4/canonical.h"

namespace nexus::sigv4 {

namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string join_request(const Request &request, const Scope &scope, const CanonicalHeaders &headers) {
    const size_t question = request.target.find('?');
    const std::string_view query =
        question == std::string_view::npos ? std::string_view{} : request.target.substr(question + 1);
    std::string out;
    out.reserve(request.method.size() + 2 * request.target.size() + headers.lines.size() +
                headers.names.size() + request.payload_hash.size() + 8);
    out.append(request.method).append("\n");
    out.append(canonical_path(request.target.substr(0, question), path_style_of(scope.service))).append("\n");
    out.append(canonical_query(query)).append("\n");
    out.append(headers.lines).append("\n");
    out.append(headers.names).append("\n");
    out.append(request.payload_hash);
    return out;
}

}  // namespace

std::string canonical_request(const Request &request, const Scope &scope) {
    return join_request(request, scope, canonical_headers(request.headers));
}

Signature sign(const Request &request, const Scope &scope, std::string_view date, const SigningKey &key) {
    CanonicalHeaders headers = canonical_headers(request.headers);
    Signature signature;
    signature.scope = credential_scope(date.substr(0, 8), scope);

    std::string text;
    text.reserve(kAlgorithm.size() + date.size() + signature.scope.size() + 2 * sizeof(crypto::Sha256) + 3);
    text.append(kAlgorithm).append("\n").append(date).append("\n").append(signature.scope).append("\n");
    text.append(crypto::sha256_hex(join_request(request, scope, headers)));
    signature.hex = encoding::hex_encode(crypto::as_view(key->code_of(text)));
    signature.signed_headers = std::move(headers.names);
    return signature;
}

std::string authorization(std::string_view access_key, const Signature &signature) {
    constexpr size_t kBetween = 64;
    std::string out;
    out.reserve(kAlgorithm.size() + access_key.size() + signature.scope.size() +
                signature.signed_headers.size() + signature.hex.size() + kBetween);
    out.append(kAlgorithm).append(" Credential=").append(access_key).append("/").append(signature.scope);
    out.append(", SignedHeaders=").append(signature.signed_headers);
    out.append(", Signature=").append(signature.hex);
    return out;
}

}  // namespace nexus::sigv4
