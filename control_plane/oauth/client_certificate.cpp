// Certificate and key of a client: see client_certificate.h.
#include "control_plane/oauth/client_certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "shared/crypto/openssl_ptr.h"

namespace nexus::control {

namespace {

using BioPtr = std::unique_ptr<BIO, crypto::OpensslDelete<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, crypto::OpensslDelete<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, crypto::OpensslDelete<X509_free>>;

int no_passphrase(char *, int, int, void *) {
    return -1;
}

BioPtr reader_of(std::string_view pem) {
    return BioPtr{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
}

std::string_view problem_with(std::string_view pem) {
    const BioPtr for_certificate = reader_of(pem);
    const CertificatePtr certificate{
        for_certificate ? PEM_read_bio_X509(for_certificate.get(), nullptr, no_passphrase, nullptr)
                        : nullptr};
    if (!certificate) {
        return "must hold the client's certificate in PEM";
    }
    const BioPtr for_key = reader_of(pem);
    const KeyPtr key{for_key ? PEM_read_bio_PrivateKey(for_key.get(), nullptr, no_passphrase, nullptr)
                             : nullptr};
    if (!key) {
        return "must hold the certificate's private key in PEM, without a passphrase";
    }
    return X509_check_private_key(certificate.get(), key.get()) == 1
               ? ""
               : "must hold the private key of its first certificate, not another one";
}

}  // namespace

Result<void> check_client_certificate(std::string_view pem) {
    const std::string_view problem = problem_with(pem);
    ERR_clear_error();
    return problem.empty()
               ? Result<void>{}
               : fail(Errc::kInvalidKey, "client_secret " + std::string{problem}, "client_secret");
}

}  // namespace nexus::control
