// A key pair that signs whatever it is told to, by OpenSSL: for tokens that no JOSE library would make.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

namespace nexus::test {

class Forger {
public:
    static Forger rsa(size_t bits = 2048);
    static Forger ec(const char *curve);  // "P-256", "P-384", "P-521"
    static Forger ed25519();

    /// The public JWK with this kid ("" = none) and `more` members ("\"use\":\"sig\"") put in.
    std::string jwk(const std::string &kid, const std::string &more = "") const;
    /// The bytes of a signature by `alg` over `text`, as RFC 7518 and RFC 8037 have them.
    std::string signature(std::string_view alg, std::string_view text) const;
    /// header "." payload "." signature, all of it base64url; the header is taken as it is, whatever alg it
    /// names.
    std::string token(std::string_view alg, std::string_view header, std::string_view payload) const;

    EVP_PKEY *key() const { return key_.get(); }

private:
    struct Release {
        void operator()(EVP_PKEY *key) const noexcept { EVP_PKEY_free(key); }
    };
    explicit Forger(EVP_PKEY *key);
    std::unique_ptr<EVP_PKEY, Release> key_;
};

std::string hmac_signature(std::string_view secret, std::string_view text);  // HS256

/// b64(header) "." b64(payload) "." b64(signature)
std::string compact(std::string_view header, std::string_view payload, std::string_view signature);
std::string signing_input(std::string_view header, std::string_view payload);

}  // namespace nexus::test
