// Keys and signatures for the tests, made by cjose.
#pragma once

#include <string>

struct _cjose_jwk_int;

namespace nexus::test {

class SigningKey {
public:
    static SigningKey rsa(const std::string &kid, size_t bits = 2048);
    static SigningKey p256(const std::string &kid);
    static SigningKey hmac(const std::string &kid, const std::string &secret);
    ~SigningKey();
    SigningKey(const SigningKey &) = delete;

    /// The public JWK, with `more` members ("\"alg\":\"RS256\"") put in.
    std::string public_jwk(const std::string &more = "") const;
    /// A compact JWS over `payload`.
    std::string sign(const std::string &alg, const std::string &payload, const std::string &kid) const;

private:
    explicit SigningKey(_cjose_jwk_int *key) : key_(key) {}
    _cjose_jwk_int *key_;
};

}  // namespace nexus::test
