// id_tokens that are good: every algorithm, RFC 7515's and RFC 8037's own examples, the limits of each check,
// and what Google and Azure send. What is refused is in the table of id_token_cases.h.
#include "control_plane/oidc/id_token.h"

#include <gtest/gtest.h>

#include "control_plane/oidc/issuer_metadata.h"
#include "control_plane/oidc/token_hash.h"
#include "tests/unit/control_plane/oidc/provider_fixtures.h"

namespace nexus::test {
namespace {

using control::IdClaims;
using control::verify_id_token;
using jose::JwkSet;

std::string outcome(const std::string &token, const IdTokenExpectation &expected = expectation(),
                    const std::string &keys = provider_keys().set()) {
    const Result<IdClaims> got = verify_id_token(token, JwkSet::parse(keys).value(), expected);
    return got ? "accepted" : got.error().message;
}

// RFC 7515 appendix A.3: key, signature. Its claims are for nobody here, so the audience is what is missed:
// after the signature.
TEST(IdToken, Rfc7515AppendixA3) {
    const std::string keys =
        R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
        R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})";
    std::string token =
        "eyJhbGciOiJFUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
        "cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    const IdTokenExpectation expected{"joe", "client-1", std::nullopt, 1300819000000};
    EXPECT_EQ(outcome(token, expected, keys), "id_token refused: it names no audience");
    token[token.size() - 4] = token[token.size() - 4] == 'A' ? 'B' : 'A';
    EXPECT_EQ(outcome(token, expected, keys), "id_token refused: its signature is wrong");
}

// RFC 8037 appendix A.4: the payload is a text, so it is refused after the signature.
TEST(IdToken, Rfc8037AppendixA4) {
    const std::string keys =
        R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";
    std::string token =
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    EXPECT_EQ(outcome(token, expectation(), keys), "id_token refused: its payload is no JSON object");
    token[token.size() - 4] = 'A';
    EXPECT_EQ(outcome(token, expectation(), keys), "id_token refused: its signature is wrong");
}

// OpenID Connect Core appendix A.4 (c_hash of its example; RS256) and A.3 (at_hash).
TEST(IdToken, HashesOfTheStandardsExamples) {
    const auto &rs256 = *jose::find_signature_algorithm("RS256");
    EXPECT_EQ(control::half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", rs256),
              "77QmUPtjPfzWtF2AnpK9RQ");
    EXPECT_EQ(control::half_hash("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk", rs256),
              "LDktKdoQak3Pk0cnXxCltA");
}

TEST(IdToken, HashesByTheTokensOwnAlgorithm) {
    IdTokenExpectation expected = expectation();
    expected.access_token = "access-1";
    expected.code = "code-1";
    for (const auto &algorithm : jose::signature_algorithms()) {
        const Claims claims = Claims()
                                  .text("at_hash", *control::half_hash("access-1", algorithm))
                                  .text("c_hash", *control::half_hash("code-1", algorithm));
        EXPECT_EQ(outcome(token_of(claims, algorithm.name), expected), "accepted") << algorithm.name;
    }
    const std::string other = token_of(Claims().text("at_hash", "x").text("c_hash", "x"));
    EXPECT_EQ(outcome(other), "accepted") << "with nothing to compare with";
    EXPECT_EQ(outcome(token_of(Claims()), expected), "accepted") << "neither need be there";
}

TEST(IdToken, HeadersThatAreGood) {
    for (const char *more : {"", R"(,"typ":"JWT")", R"(,"typ":"jwt")", R"(,"typ":"application/jwt")",
                             R"(,"b64":true)", R"(,"cty":"x","jku":"https://idp.example/jwks","x5t":"a")"}) {
        EXPECT_EQ(outcome(token_under(R"({"alg":"RS256","kid":"r1")" + std::string{more} + "}")), "accepted")
            << more;
        EXPECT_EQ(outcome(token_under(R"({"alg":"RS256")" + std::string{more} + "}")), "accepted")
            << "without a kid, the one key that fits: " << more;
    }
    EXPECT_EQ(outcome(token_under("\n { \"alg\" : \"RS256\" , \"kid\" : \"r1\" } ")), "accepted");
}

TEST(IdToken, AcceptedAlgorithms) {
    IdTokenExpectation expected = expectation();
    expected.algorithms = {"PS256", "EdDSA"};
    EXPECT_EQ(outcome(token_of(Claims(), "PS256"), expected), "accepted");
    EXPECT_EQ(outcome(token_of(Claims(), "EdDSA"), expected), "accepted");
}

TEST(IdToken, Audiences) {
    EXPECT_EQ(outcome(token_of(Claims().set("aud", R"(["client-1"])"))), "accepted");
    EXPECT_EQ(outcome(token_of(Claims().text("azp", "client-1"))), "accepted");
    EXPECT_EQ(outcome(token_of(Claims().set("aud", R"(["other","client-1"])").text("azp", "client-1"))),
              "accepted");
}

TEST(IdToken, TimesAtTheirLimits) {
    const int64_t skew = control::kDefaultClockSkewS;
    EXPECT_EQ(outcome(token_of(Claims().number("exp", kNowS - skew + 1).number("iat", kNowS - 600))),
              "accepted");
    EXPECT_EQ(outcome(token_of(Claims().number("iat", kNowS + skew))), "accepted");
    EXPECT_EQ(outcome(token_of(Claims().number("nbf", kNowS + skew))), "accepted");
    EXPECT_EQ(outcome(token_of(Claims().number("exp", 253'402'300'799))), "accepted");
    EXPECT_EQ(outcome(token_of(Claims().number("iat", 1))), "accepted")
        << "how long a token lives is its provider's business";
    IdTokenExpectation strict = expectation();
    strict.clock_skew_s = 0;
    EXPECT_EQ(outcome(token_of(Claims().number("exp", kNowS + 1).number("nbf", kNowS)), strict), "accepted");
}

TEST(IdToken, SubjectsAtTheirLimits) {
    EXPECT_EQ(outcome(token_of(Claims().text("sub", std::string(255, 'a')))), "accepted");
    EXPECT_EQ(outcome(token_of(Claims().text("sub", "a b|c:d/e~"))), "accepted");
}

TEST(IdToken, NoncesWhereNoneWasSent) {
    IdTokenExpectation expected = expectation();
    expected.nonce.reset();
    EXPECT_EQ(outcome(token_of(Claims().drop("nonce")), expected), "accepted");
}

// OpenID Connect Core section 12.2.
TEST(IdToken, OnRefresh) {
    IdTokenExpectation expected = expectation();
    expected.is_refresh = true;
    expected.subject = "alice";
    EXPECT_EQ(outcome(token_of(Claims()), expected), "accepted");
    EXPECT_EQ(outcome(token_of(Claims().drop("nonce")), expected), "accepted") << "it need not come again";
    expected.nonce.reset();
    EXPECT_EQ(outcome(token_of(Claims()), expected), "accepted") << "the original one is not known";
}

TEST(IdToken, NonceOfAKeptToken) {
    EXPECT_EQ(control::nonce_of_kept_id_token(token_of(Claims())), "nonce-1");
    EXPECT_EQ(control::nonce_of_kept_id_token(token_of(Claims().drop("nonce"))), std::nullopt);
    for (const char *text : {"", ".", "..", "a.b", "a.!.c", "a.e30.c", "a.W10.c"}) {
        EXPECT_EQ(control::nonce_of_kept_id_token(text), std::nullopt) << text;
    }
}

TEST(IdToken, ShapedLikeGoogles) {
    const auto got = verify_id_token(google_token(google_claims()), JwkSet::parse(google_keys()).value(),
                                     google_expectation());
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->subject, "110169484474386276334");
    EXPECT_EQ(got->identity.hd, "example.com");
    EXPECT_EQ(got->identity.email, "jane@example.com");
    EXPECT_EQ(got->identity.email_verified, true);
}

TEST(IdToken, ShapedLikeAzures) {
    const auto got = verify_id_token(azure_token(azure_claims()), JwkSet::parse(azure_keys()).value(),
                                     azure_expectation());
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->identity.tenant, kAzureTenant);
    EXPECT_EQ(got->identity.name, "Abe Lincoln");
    EXPECT_EQ(got->identity.email, std::nullopt);
}

TEST(IdToken, DocumentsShapedLikeTheirs) {
    const auto google = control::parse_issuer_metadata(google_discovery(), google_expectation().issuer);
    ASSERT_TRUE(google) << google.error().message;
    EXPECT_EQ(google->jwks_uri, "https://www.googleapis.com/oauth2/v3/certs");
    EXPECT_EQ(google->pkce, control::PkceSupport::kS256);
    const std::string azure = azure_discovery(kAzureTenant);
    const auto tenant = control::parse_issuer_metadata(azure, azure_expectation().issuer);
    ASSERT_TRUE(tenant) << tenant.error().message;
    EXPECT_EQ(tenant->pkce, control::PkceSupport::kUnknown) << "Azure's does not say";
    EXPECT_FALSE(control::parse_issuer_metadata(azure, azure_issuer("common")));
    EXPECT_FALSE(control::parse_issuer_metadata(azure_discovery("{tenantid}"), azure_issuer("common")))
        << "the document for all tenants names no issuer that a token has: pin the tenant's";
}

}  // namespace
}  // namespace nexus::test
