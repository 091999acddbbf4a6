// id_tokens: RFC 7515's signatures first, then every check of OpenID Connect Core section 3.1.3.7 with its
// negative.
#include "control_plane/oidc/id_token.h"

#include <gtest/gtest.h>

#include "shared/encoding/base64.h"
#include "tests/unit/control_plane/oidc/signing.h"

namespace nexus::control {
namespace {

constexpr int64_t kNowS = 1'800'000'000;

IdTokenExpectation expectation() {
    return {"https://idp.example", "client-1", "nonce-1", kNowS * 1000};
}

std::string claims(const std::string &more = "", const std::string &aud = R"("client-1")") {
    return R"({"iss":"https://idp.example","sub":"alice","aud":)" + aud + R"(,"exp":)" +
           std::to_string(kNowS + 300) + R"(,"iat":)" + std::to_string(kNowS) + R"(,"nonce":"nonce-1")" +
           more + "}";
}

class IdTokenTest : public testing::Test {
protected:
    IdTokenTest()
        : rsa_(test::SigningKey::rsa("r1")),
          ec_(test::SigningKey::p256("e1")),
          keys_(
              std::move(*JwkSet::parse(R"({"keys":[)" + rsa_.public_jwk() + "," + ec_.public_jwk() + "]}"))) {
    }

    std::string why_refused(const std::string &token) {
        Result<IdClaims> got = verify_id_token(token, keys_, expectation());
        EXPECT_TRUE(got || got.error().errc == Errc::kInvalidIdToken);
        return got ? "accepted" : got.error().message;
    }
    std::string why_claims_refused(const std::string &payload) {
        return why_refused(rsa_.sign("RS256", payload, "r1"));
    }

    test::SigningKey rsa_;
    test::SigningKey ec_;
    JwkSet keys_;
};

// RFC 7515 appendix A.3: key, signature. Its claims are for nobody here, so the audience is what is refused:
// after the signature.
TEST_F(IdTokenTest, Rfc7515AppendixA3) {
    JwkSet keys = std::move(*JwkSet::parse(
        R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
        R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})"));
    std::string token =
        "eyJhbGciOiJFUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
        "cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    IdTokenExpectation expected{"joe", "client-1", std::nullopt, 1300819000000};
    EXPECT_EQ(verify_id_token(token, keys, expected).error().message,
              "id_token refused: audience is not this client");
    token[token.size() - 4] = token[token.size() - 4] == 'A' ? 'B' : 'A';
    EXPECT_EQ(verify_id_token(token, keys, expected).error().message, "id_token refused: signature is wrong");
}

TEST_F(IdTokenTest, AcceptsRightTokens) {
    EXPECT_EQ(why_refused(rsa_.sign("RS256", claims(), "r1")), "accepted");
    EXPECT_EQ(why_refused(rsa_.sign("RS512", claims(), "r1")), "accepted");
    EXPECT_EQ(why_refused(rsa_.sign("PS256", claims(), "r1")), "accepted");
    EXPECT_EQ(why_refused(ec_.sign("ES256", claims(), "e1")), "accepted");
    EXPECT_EQ(why_refused(ec_.sign("ES256", claims(), "")), "accepted");
    EXPECT_EQ(why_claims_refused(claims(R"(,"azp":"client-1")", R"(["other","client-1"])")), "accepted");
    EXPECT_EQ(verify_id_token(rsa_.sign("RS256", claims(), "r1"), keys_, expectation())->subject, "alice");
}

TEST_F(IdTokenTest, RefusesWrongClaims) {
    auto at = [](int64_t exp, int64_t iat) {
        return R"({"iss":"https://idp.example","sub":"a","aud":"client-1","nonce":"nonce-1","exp":)" +
               std::to_string(exp) + R"(,"iat":)" + std::to_string(iat) + "}";
    };
    EXPECT_NE(why_claims_refused(R"({"iss":"https://evil.example","aud":"client-1"})").find("issuer"),
              std::string::npos);
    EXPECT_NE(why_claims_refused(R"({"iss":"https://idp.example/","aud":"client-1"})").find("issuer"),
              std::string::npos);
    EXPECT_NE(why_claims_refused(claims("", R"("client-2")")).find("audience"), std::string::npos);
    EXPECT_NE(why_claims_refused(claims("", R"([])")).find("audience"), std::string::npos);
    EXPECT_NE(why_claims_refused(claims("", R"(["client-1","other"])")).find("audience"), std::string::npos)
        << "several audiences need azp";
    EXPECT_NE(why_claims_refused(claims(R"(,"azp":"other")")).find("audience"), std::string::npos);
    EXPECT_NE(why_claims_refused(claims(R"(,"azp":"other")", R"(["client-1","other"])")).find("audience"),
              std::string::npos);
    EXPECT_EQ(why_claims_refused(at(kNowS - kIdTokenSkewS + 1, kNowS)), "accepted");
    EXPECT_NE(why_claims_refused(at(kNowS - kIdTokenSkewS, kNowS)).find("expired"), std::string::npos);
    EXPECT_EQ(why_claims_refused(at(kNowS + 300, kNowS + kIdTokenSkewS)), "accepted");
    EXPECT_NE(why_claims_refused(at(kNowS + 300, kNowS + kIdTokenSkewS + 1)).find("future"),
              std::string::npos);
    EXPECT_NE(
        why_claims_refused(R"({"iss":"https://idp.example","sub":"a","aud":"client-1","nonce":"nonce-1"})")
            .find("exp"),
        std::string::npos);
    EXPECT_NE(why_claims_refused(claims(R"(,"nbf":)" + std::to_string(kNowS + 999))).find("not valid yet"),
              std::string::npos);
}

TEST_F(IdTokenTest, RefusesAWrongOrMissingNonceAndSubject) {
    std::string tail = R"("aud":"client-1","exp":1800000300,"iat":1800000000)";
    EXPECT_NE(why_claims_refused(R"({"iss":"https://idp.example","sub":"a",)" + tail + "}").find("nonce"),
              std::string::npos);
    EXPECT_NE(why_claims_refused(R"({"iss":"https://idp.example","sub":"a","nonce":"nonce-2",)" + tail + "}")
                  .find("nonce"),
              std::string::npos);
    EXPECT_NE(
        why_claims_refused(R"({"iss":"https://idp.example","nonce":"nonce-1",)" + tail + "}").find("subject"),
        std::string::npos);
}

TEST_F(IdTokenTest, RefusesForgedSignatures) {
    auto stranger = test::SigningKey::rsa("r1");
    EXPECT_NE(why_refused(stranger.sign("RS256", claims(), "r1")).find("signature"), std::string::npos);
    EXPECT_NE(why_refused(rsa_.sign("RS256", claims(), "unknown")).find("no published key"),
              std::string::npos);
    // HMAC with the public key's text as the secret: the classic confusion of algorithms.
    auto confusion = test::SigningKey::hmac("r1", rsa_.public_jwk());
    EXPECT_NE(why_refused(confusion.sign("HS256", claims(), "r1")).find("not allowed"), std::string::npos);
    std::string none =
        encoding::base64url_encode(R"({"alg":"none"})") + "." + encoding::base64url_encode(claims()) + ".";
    EXPECT_NE(why_refused(none).find("not allowed"), std::string::npos);
}

TEST_F(IdTokenTest, RefusesWhatIsNoToken) {
    std::string crit =
        encoding::base64url_encode(R"({"alg":"RS256","crit":["b64"],"b64":false})") + ".e30.AAAA";
    EXPECT_NE(why_refused(crit).find("extensions"), std::string::npos);
    for (const char *text :
         {"", ".", "..", "a.b.c", "e30.e30.", "eyJhbGciOiJSUzI1NiJ9.e30", "eyJhbGciOiJSUzI1NiJ9"}) {
        EXPECT_NE(why_refused(text), "accepted") << text;
    }
    EXPECT_NE(why_refused(std::string(kMaxIdTokenBytes + 1, 'a')), "accepted");
    EXPECT_NE(why_refused(rsa_.sign("RS256", "[]", "r1")).find("payload"), std::string::npos);
    EXPECT_NE(
        why_refused(rsa_.sign("RS256", R"({"iss":"a","iss":"https://idp.example"})", "r1")).find("payload"),
        std::string::npos)
        << "a member that comes twice";
}

}  // namespace
}  // namespace nexus::control
