// Mutual TLS: what a client secret must hold, and what is said where it does not.
#include "control_plane/oauth/client_certificate.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <string>

namespace nexus::control {
namespace {

std::string text_of(BIO *bio) {
    char *text = nullptr;
    const long size = BIO_get_mem_data(bio, &text);
    std::string out(text, static_cast<size_t>(size));
    BIO_free(bio);
    return out;
}

/// A key, and a certificate for it.
struct Pair {
    std::string key;
    std::string certificate;

    Pair() {
        EVP_PKEY *made = EVP_EC_gen("P-256");
        BIO *for_key = BIO_new(BIO_s_mem());
        PEM_write_bio_PrivateKey(for_key, made, nullptr, nullptr, 0, nullptr, nullptr);
        key = text_of(for_key);
        X509 *x509 = X509_new();
        X509_set_pubkey(x509, made);
        X509_gmtime_adj(X509_getm_notBefore(x509), 0);
        X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
        X509_sign(x509, made, EVP_sha256());
        BIO *for_certificate = BIO_new(BIO_s_mem());
        PEM_write_bio_X509(for_certificate, x509);
        certificate = text_of(for_certificate);
        X509_free(x509);
        EVP_PKEY_free(made);
    }
};

TEST(ClientCertificate, CertificateAndKeyInAnyOrder) {
    const Pair client;
    const Pair issuer;
    EXPECT_TRUE(check_client_certificate(client.certificate + client.key));
    EXPECT_TRUE(check_client_certificate(client.key + client.certificate + issuer.certificate));
}

TEST(ClientCertificate, SaysWhatIsMissing) {
    const Pair client;
    const Pair other;
    const auto said = [](const std::string &pem) { return check_client_certificate(pem).error().message; };
    EXPECT_EQ(said(""), "client_secret must hold the client's certificate in PEM");
    EXPECT_EQ(said(client.key), "client_secret must hold the client's certificate in PEM");
    EXPECT_EQ(said(client.certificate),
              "client_secret must hold the certificate's private key in PEM, without a passphrase");
    EXPECT_EQ(said(client.certificate + other.key),
              "client_secret must hold the private key of its first certificate, not another one");
    EXPECT_EQ(said(other.certificate + client.certificate + client.key),
              "client_secret must hold the private key of its first certificate, not another one");
}

}  // namespace
}  // namespace nexus::control
