// Verifying JWS signatures (RFC 7518 section 3, RFC 8037 section 3.1) with OpenSSL.
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include <string>

#include "shared/crypto/openssl_ptr.h"
#include "shared/jose/jwk.h"

namespace nexus::jose {

namespace {

using EcdsaSigPtr = std::unique_ptr<ECDSA_SIG, crypto::OpensslDelete<ECDSA_SIG_free>>;

// r and s side by side, as OpenSSL wants them: "" if there is no memory
std::string to_der(std::string_view signature) {
    const auto half = static_cast<int>(signature.size() / 2);
    BIGNUM *r = BN_bin2bn(crypto::as_bytes(signature), half, nullptr);
    BIGNUM *s = BN_bin2bn(crypto::as_bytes(signature) + half, half, nullptr);
    const EcdsaSigPtr pair{ECDSA_SIG_new()};
    if (!pair || r == nullptr || s == nullptr || ECDSA_SIG_set0(pair.get(), r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return {};
    }
    unsigned char *bytes = nullptr;
    const int size = i2d_ECDSA_SIG(pair.get(), &bytes);
    std::string der = size > 0 ? std::string{reinterpret_cast<char *>(bytes), static_cast<size_t>(size)} : "";
    OPENSSL_free(bytes);
    return der;
}

bool use_pss(EVP_PKEY_CTX *context) {
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

bool verify(const Jwk &key, const SignatureAlgorithm &algorithm, std::string_view signed_text,
            std::string_view signature) {
    const bool is_eddsa = algorithm.kty == "OKP";
    const crypto::MdCtxPtr context{EVP_MD_CTX_new()};
    EVP_PKEY_CTX *key_context = nullptr;  // the digest context's own
    if (!context ||
        EVP_DigestVerifyInit_ex(context.get(), &key_context,
                                is_eddsa ? nullptr : std::string{algorithm.hash}.c_str(), nullptr, nullptr,
                                key.key.get(), nullptr) != 1 ||
        (algorithm.name.starts_with("PS") && !use_pss(key_context))) {
        return false;
    }
    return EVP_DigestVerify(context.get(), crypto::as_bytes(signature), signature.size(),
                            crypto::as_bytes(signed_text), signed_text.size()) == 1;
}

}  // namespace

bool verify_signature(const Jwk &key, const SignatureAlgorithm &algorithm, std::string_view signed_text,
                      std::string_view signature) {
    if (!key.fits(algorithm) ||
        (algorithm.signature_bytes != 0 && signature.size() != algorithm.signature_bytes)) {
        return false;
    }
    const bool verified = algorithm.kty == "EC" ? verify(key, algorithm, signed_text, to_der(signature))
                                                : verify(key, algorithm, signed_text, signature);
    ERR_clear_error();
    return verified;
}

}  // namespace nexus::jose
