// Canonical request, string to sign, signature.
#include "shared/sigv4/sign.h"

#include <utility>

#include "shared/join.h"
#include "shared/sigv4/canonical.h"

namespace nexus::sigv4 {

namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::pmr::string join_request(const Request &request, const Scope &scope, const CanonicalHeaders &headers,
                              std::pmr::memory_resource *scratch) {
    const size_t question = request.target.find('?');
    const std::string query = question == std::string_view::npos
                                  ? std::string{}
                                  : canonical_query(request.target.substr(question + 1));
    const std::pmr::string path =
        canonical_path(request.target.substr(0, question), path_style_of(scope.service), scratch);
    return join({request.method, "\n", path, "\n", query, "\n", headers.lines, "\n", headers.names, "\n",
                 request.payload_hash},
                scratch);
}

}  // namespace

std::string canonical_request(const Request &request, const Scope &scope) {
    auto *const scratch = std::pmr::get_default_resource();
    return std::string{join_request(request, scope, canonical_headers(request.headers, scratch), scratch)};
}

Signature sign(const Request &request, const Scope &scope, std::string_view date, const SigningKey &key,
               std::pmr::memory_resource *scratch) {
    CanonicalHeaders headers = canonical_headers(request.headers, scratch);
    const crypto::Sha256Hex hash =
        crypto::hex_of(crypto::sha256(join_request(request, scope, headers, scratch)));
    std::pmr::string credential_scope = sigv4::credential_scope(date.substr(0, 8), scope, scratch);
    const std::pmr::string text =
        join({kAlgorithm, "\n", date, "\n", credential_scope, "\n", crypto::as_view(hash)}, scratch);
    return {std::move(credential_scope), std::move(headers.names), crypto::hex_of(key->code_of(text))};
}

std::pmr::string authorization(std::string_view access_key, const Signature &signature,
                               std::pmr::memory_resource *scratch) {
    return join({kAlgorithm, " Credential=", access_key, "/", signature.scope, ", SignedHeaders=",
                 signature.signed_headers, ", Signature=", crypto::as_view(signature.hex)},
                scratch);
}

}  // namespace nexus::sigv4
