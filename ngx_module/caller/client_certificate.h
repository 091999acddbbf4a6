// Who a request's client certificate is of: the names in it, in the order in which they are tried. Only what
// nginx itself has verified in this connection's handshake counts; a certificate in a header never does.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "ngx_module/ngx/ngx.h"
#include "shared/crypto/digest.h"

namespace nexus::edge {

/// Digests of names (caller::mtls_sha256), in the request's pool.
struct CertificateNames {
    static constexpr size_t kMax = 8;  // further names of a certificate are not looked at

    std::array<crypto::Sha256Hex, kMax> sha256_hex;
    size_t count = 0;

    std::string_view at(size_t index) const { return crypto::as_view(sha256_hex[index]); }
};

enum class CertificateStatus { kNone, kNotVerified, kVerified };

/// kVerified: `names` is filled in, and empty where the certificate has no name of a kind that we know. Names
/// are tried in this order: URIs, DNS names, addresses. Throws std::bad_alloc, and if OpenSSL has no SHA-256.
CertificateStatus read_client_certificate(const ngx_http_request_t *r, CertificateNames &names);

}  // namespace nexus::edge
