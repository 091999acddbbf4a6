// Key sets: what is kept, and which key must have signed.
#include "control_plane/oidc/jwk_set.h"

#include <gtest/gtest.h>

#include "tests/unit/control_plane/oidc/signing.h"

namespace nexus::control {
namespace {

std::string set_of(std::initializer_list<std::string> keys) {
    std::string out;
    for (const std::string &key : keys) {
        out += (out.empty() ? "" : ",") + key;
    }
    return R"({"keys":[)" + out + "]}";
}

TEST(JwkSet, FindsByKidAndAlgorithm) {
    auto rsa = test::SigningKey::rsa("r1");
    auto ec = test::SigningKey::p256("e1");
    Result<JwkSet> set = JwkSet::parse(set_of({rsa.public_jwk(), ec.public_jwk()}));
    ASSERT_TRUE(set);
    EXPECT_EQ(set->size(), 2u);
    EXPECT_TRUE(set->has_kid("r1"));
    EXPECT_NE(set->find("r1", *find_signature_algorithm("RS256")), nullptr);
    EXPECT_NE(set->find("", *find_signature_algorithm("ES256")), nullptr);
    EXPECT_EQ(set->find("r1", *find_signature_algorithm("ES256")), nullptr) << "an RSA key verifies no ES256";
    EXPECT_EQ(set->find("e1", *find_signature_algorithm("ES384")), nullptr) << "P-256 verifies no ES384";
    EXPECT_EQ(set->find("r2", *find_signature_algorithm("RS256")), nullptr);
}

TEST(JwkSet, WithoutAKidThereMustBeOneKeyOnly) {
    auto a = test::SigningKey::rsa("a");
    auto b = test::SigningKey::rsa("b");
    Result<JwkSet> set = JwkSet::parse(set_of({a.public_jwk(), b.public_jwk()}));
    EXPECT_EQ(set->find("", *find_signature_algorithm("RS256")), nullptr);
    EXPECT_NE(set->find("b", *find_signature_algorithm("RS256")), nullptr);
}

TEST(JwkSet, PassesOverWhatMustNotVerify) {
    auto weak = test::SigningKey::rsa("weak", 1024);
    auto good = test::SigningKey::rsa("good");
    Result<JwkSet> set = JwkSet::parse(
        set_of({weak.public_jwk(), good.public_jwk(R"("use":"enc")"), R"({"kty":"oct","k":"AAAA","kid":"o"})",
                R"({"kty":"RSA","kid":"broken","n":"!","e":"AQAB"})", "7", "null"}));
    ASSERT_TRUE(set);
    EXPECT_EQ(set->size(), 0u);
    Result<JwkSet> bound = JwkSet::parse(set_of({good.public_jwk(R"("alg":"RS512")")}));
    EXPECT_EQ(bound->find("good", *find_signature_algorithm("RS256")), nullptr);
    EXPECT_NE(bound->find("good", *find_signature_algorithm("RS512")), nullptr);
}

TEST(JwkSet, RefusesWhatIsNoSet) {
    for (const char *text : {"", "[]", "{}", R"({"keys":{}})", "<html>"}) {
        EXPECT_EQ(JwkSet::parse(text).error().errc, Errc::kProviderError) << text;
    }
}

TEST(SignatureAlgorithm, NeverNoneNorHmac) {
    for (const char *name : {"none", "None", "HS256", "HS384", "HS512", "", "rs256", "EdDSA"}) {
        EXPECT_EQ(find_signature_algorithm(name), nullptr) << name;
    }
}

}  // namespace
}  // namespace nexus::control
