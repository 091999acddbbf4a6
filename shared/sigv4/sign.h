// AWS Signature Version 4 in a header (AWS4-HMAC-SHA256). Pure: no clock, no network, no state.
#pragma once

#include <memory_resource>
#include <span>
#include <string>
#include <string_view>

#include "shared/crypto/digest.h"
#include "shared/http1/header_block.h"
#include "shared/sigv4/signing_key.h"

namespace nexus::sigv4 {

/// x-amz-content-sha256 of a body that is not signed: for S3 over TLS only.
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
inline constexpr std::string_view kHashOfNothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct Request {
    std::string_view method;
    std::string_view target;                     // "path[?query]" as it is sent
    std::span<const http1::HeaderLine> headers;  // those to sign, Host among them
    std::string_view payload_hash;               // as in x-amz-content-sha256
};

struct Signature {
    std::pmr::string scope;           // credential_scope
    std::pmr::string signed_headers;  // "host;x-amz-date"
    crypto::Sha256Hex hex;            // of the signature
};

/// The canonical request (step 1): shown to whoever has to find out why a signature is refused.
std::string canonical_request(const Request &request, const Scope &scope);

/// date     amz_date; the request's x-amz-date, which is among its headers
/// key      make_signing_key for that day and scope
/// scratch  outlives the signature
Signature sign(const Request &request, const Scope &scope, std::string_view date, const SigningKey &key,
               std::pmr::memory_resource *scratch = std::pmr::get_default_resource());

/// The value of the Authorization line.
std::pmr::string authorization(std::string_view access_key, const Signature &signature,
                               std::pmr::memory_resource *scratch = std::pmr::get_default_resource());

}  // namespace nexus::sigv4
