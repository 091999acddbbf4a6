// The names of a client certificate: see client_certificate.h.
#include "ngx_module/caller/client_certificate.h"

#include <algorithm>
#include <optional>
#include <string>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "shared/caller/identity.h"
#include "shared/crypto/openssl_ptr.h"

namespace nexus::edge {

namespace {

using X509Ptr = std::unique_ptr<X509, crypto::OpensslDelete<X509_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, crypto::OpensslDelete<GENERAL_NAMES_free>>;

struct NameKind {
    int type;
    std::string_view prefix;
};
constexpr std::array<NameKind, 3> kKinds{{{GEN_URI, "URI"}, {GEN_DNS, "DNS"}, {GEN_EMAIL, "email"}}};

std::string_view text_of(const ASN1_IA5STRING *text) {
    return {reinterpret_cast<const char *>(ASN1_STRING_get0_data(text)),
            static_cast<size_t>(ASN1_STRING_length(text))};
}

/// A name with a NUL or another odd byte in it is no name: it would be two names to two readers.
void add_names(const GENERAL_NAMES *all, const NameKind &kind, CertificateNames &out) {
    for (int i = 0; i < sk_GENERAL_NAME_num(all) && out.count < CertificateNames::kMax; ++i) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
        if (name->type != kind.type) {
            continue;
        }
        const std::optional<std::string> san = caller::canonical_san(kind.prefix, text_of(name->d.ia5));
        if (!san) {
            continue;
        }
        const std::string hex = caller::mtls_sha256(*san);
        std::copy_n(hex.begin(), hex.size(), out.sha256_hex[out.count++].begin());
    }
}

}  // namespace

CertificateStatus read_client_certificate(const ngx_http_request_t *r, CertificateNames &names) {
    names.count = 0;
    const ngx_ssl_connection_t *ssl = r->connection->ssl;
    if (ssl == nullptr || ssl->connection == nullptr) {
        return CertificateStatus::kNone;
    }
    const X509Ptr certificate{SSL_get1_peer_certificate(ssl->connection)};
    if (certificate == nullptr) {
        return CertificateStatus::kNone;
    }
    if (SSL_get_verify_result(ssl->connection) != X509_V_OK) {
        return CertificateStatus::kNotVerified;
    }

    const NamesPtr all{static_cast<GENERAL_NAMES *>(
        X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr))};
    for (const NameKind &kind : kKinds) {
        if (all != nullptr) {
            add_names(all.get(), kind, names);
        }
    }
    ERR_clear_error();
    return CertificateStatus::kVerified;
}

}  // namespace nexus::edge
