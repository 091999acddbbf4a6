// Key sets: what is kept, and which key must have signed.
#include "shared/jose/jwk_set.h"

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

bool chooses(const jose::JwkSet &set, const char *kid, const char *algorithm) {
    return set.choose(kid, *jose::find_signature_algorithm(algorithm)).has_value();
}

TEST(JwkSet, FindsByKidAndAlgorithm) {
    auto rsa = test::SigningKey::rsa("r1");
    auto ec = test::SigningKey::p256("e1");
    Result<jose::JwkSet> set = jose::JwkSet::parse(set_of({rsa.public_jwk(), ec.public_jwk()}));
    ASSERT_TRUE(set);
    EXPECT_EQ(set->size(), 2u);
    EXPECT_EQ(set->usable(), 2u);
    EXPECT_TRUE(set->has_kid("r1"));
    EXPECT_TRUE(chooses(*set, "r1", "RS256"));
    EXPECT_TRUE(chooses(*set, "", "ES256"));
    EXPECT_FALSE(chooses(*set, "r1", "ES256")) << "an RSA key verifies no ES256";
    EXPECT_FALSE(chooses(*set, "e1", "ES384")) << "P-256 verifies no ES384";
    EXPECT_FALSE(chooses(*set, "r2", "RS256"));
}

TEST(JwkSet, WithoutAKidThereMustBeOneKeyOnly) {
    auto a = test::SigningKey::rsa("a");
    auto b = test::SigningKey::rsa("b");
    Result<jose::JwkSet> set = jose::JwkSet::parse(set_of({a.public_jwk(), b.public_jwk()}));
    EXPECT_FALSE(chooses(*set, "", "RS256"));
    EXPECT_TRUE(chooses(*set, "b", "RS256"));
}

// Providers publish keys of several uses and types under one kid; what does not fit is no second choice.
TEST(JwkSet, KeysOfOneKidThatDoNotFitLeaveTheOneThatDoes) {
    auto rsa = test::SigningKey::rsa("k");
    auto other = test::SigningKey::rsa("k");
    auto ec = test::SigningKey::p256("k");
    Result<jose::JwkSet> set =
        jose::JwkSet::parse(set_of({other.public_jwk(R"("use":"enc")"), rsa.public_jwk(), ec.public_jwk()}));
    EXPECT_TRUE(chooses(*set, "k", "RS256"));
    EXPECT_TRUE(chooses(*set, "k", "ES256"));
}

TEST(JwkSet, PassesOverWhatMustNotVerify) {
    auto weak = test::SigningKey::rsa("weak", 1024);
    auto good = test::SigningKey::rsa("good");
    Result<jose::JwkSet> set = jose::JwkSet::parse(
        set_of({weak.public_jwk(), good.public_jwk(R"("use":"enc")"), R"({"kty":"oct","k":"AAAA","kid":"o"})",
                R"({"kty":"RSA","kid":"broken","n":"!","e":"AQAB"})", "7", "null"}));
    ASSERT_TRUE(set);
    EXPECT_EQ(set->usable(), 0u);
    EXPECT_TRUE(set->has_kid("weak")) << "known, so that it is not asked for again";
    Result<jose::JwkSet> bound = jose::JwkSet::parse(set_of({good.public_jwk(R"("alg":"RS512")")}));
    EXPECT_FALSE(chooses(*bound, "good", "RS256"));
    EXPECT_TRUE(chooses(*bound, "good", "RS512"));
}

TEST(JwkSet, ManyKeys) {
    std::string keys;
    for (size_t i = 0; i < jose::JwkSet::kMaxKeys + 1; ++i) {
        keys += (i == 0 ? "" : ",") + std::string{R"({"kty":"oct","kid":"k)"} + std::to_string(i) + "\"}";
    }
    Result<jose::JwkSet> set = jose::JwkSet::parse(R"({"keys":[)" + keys + "]}");
    EXPECT_EQ(set->size(), jose::JwkSet::kMaxKeys);
    EXPECT_FALSE(set->has_kid("k64"));
}

TEST(JwkSet, RefusesWhatIsNoSet) {
    for (const char *text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[],"keys":[]})",
                             R"({"keys":[{"kid":"a","kid":"b"}]})", "<html>"}) {
        EXPECT_EQ(jose::JwkSet::parse(text).error().errc, Errc::kProviderError) << text;
    }
}

TEST(SignatureAlgorithm, NeverNoneNorHmac) {
    for (const char *name : {"none", "None", "HS256", "HS384", "HS512", "", "rs256", "EDDSA"}) {
        EXPECT_EQ(jose::find_signature_algorithm(name), nullptr) << name;
    }
}

}  // namespace
}  // namespace nexus::control
