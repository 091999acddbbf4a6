// AWS Signature Version 4 in a header (AWS4-HMAC-SHA256). Pure: no clock, no network, no state.
#pragma once

#include <span>
#include <string>
#include <string_view>

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
    std::string scope;           // credential_scope
    std::string signed_headers;  // "host;x-amz-date"
    std::string hex;             // of the signature: 64 digits
};

/// The canonical request (step 1): shown to whoever has to find out why a signature is refused.
std::string canonical_request(const Request &request, const Scope &scope);

/// key   make_signing_key for that day and scope
/// date  amz_date; the request's x-amz-date, which is among its headers
Signature sign(const Request &request, const Scope &scope, std::string_view date, const SigningKey &key);

/// The value of the Authorization line.
std::string authorization(std::string_view access_key, const Signature &signature);

}  // namespace nexus::sigv4
