#include "shared/jose/access_token.h"

#include <gtest/gtest.h>

#include "tests/unit/shared/jose/signer.h"

namespace nexus::jose {
namespace {

using tests::jwk_set;
using tests::Signer;

constexpr int64_t kNow = 1'800'000'000;

const Signer &ec() {
    static const Signer signer = Signer::p256("e");
    return signer;
}
const Signer &rsa() {
    static const Signer signer = Signer::rsa("r");
    return signer;
}

const JwkSet &keys() {
    static const JwkSet set = JwkSet::parse(jwk_set({ec().jwk(), rsa().jwk()})).value();
    return set;
}

AccessTokenPolicy policy() {
    return {"https://idp.example", {"api://edge", "api://other"}, {"ES256", "RS256"}, 30, 0};
}

/// Good claims with some replaced or added; "" takes one away.
std::string claims(std::initializer_list<std::pair<std::string, std::string>> changes = {}) {
    std::vector<std::pair<std::string, std::string>> all = {{"iss", R"("https://idp.example")"},
                                                            {"sub", R"("robot")"},
                                                            {"aud", R"("api://edge")"},
                                                            {"iat", "1799999990"},
                                                            {"exp", "1800000300"}};
    for (const auto &change : changes) {
        std::erase_if(all, [&](const auto &claim) { return claim.first == change.first; });
        if (!change.second.empty()) {
            all.push_back(change);
        }
    }
    std::string out;
    for (const auto &[name, value] : all) {
        out += (out.empty() ? "\"" : ",\"") + name + "\":" + value;
    }
    return "{" + out + "}";
}

std::string refusal(const std::string &token, const AccessTokenPolicy &wanted = policy()) {
    const auto verified = verify_access_token(token, wanted, keys(), kNow);
    return verified ? "none" : std::string{to_string(verified.error())};
}

TEST(AccessToken, IsVerified) {
    for (const Signer *signer : {&ec(), &rsa()}) {
        const auto token = verify_access_token(signer->sign(claims()), policy(), keys(), kNow);
        ASSERT_TRUE(token) << to_string(token.error());
        EXPECT_EQ(token->subject, "robot");
        EXPECT_EQ(token->expires_at_s, 1'800'000'330) << "exp and the leeway";
    }
    const Signer ed = Signer::ed25519("o");
    const Signer pss = Signer::rsa("p", "PS256");
    AccessTokenPolicy wanted = policy();
    wanted.algorithms = {"EdDSA", "PS256"};
    const JwkSet others = JwkSet::parse(jwk_set({ed.jwk(), pss.jwk()})).value();
    EXPECT_TRUE(verify_access_token(ed.sign(claims()), wanted, others, kNow));
    EXPECT_TRUE(verify_access_token(pss.sign(claims()), wanted, others, kNow));
}

struct ClaimsCase {
    const char *name;
    std::string payload;
    const char *refusal;
};

class Claims : public testing::TestWithParam<ClaimsCase> {};

TEST_P(Claims, AreJudged) {
    EXPECT_EQ(refusal(ec().sign(GetParam().payload)), GetParam().refusal);
}

INSTANTIATE_TEST_SUITE_P(
    Each, Claims,
    testing::Values(
        ClaimsCase{"NoIssuer", claims({{"iss", ""}}), "issuer_missing"},
        ClaimsCase{"OtherIssuer", claims({{"iss", R"("https://idp.example/")"}}), "issuer"},
        ClaimsCase{"IssuerNoText", claims({{"iss", "7"}}), "issuer"},
        ClaimsCase{"NoAudience", claims({{"aud", ""}}), "audience_missing"},
        ClaimsCase{"OtherAudience", claims({{"aud", R"("api://else")"}}), "audience"},
        ClaimsCase{"OneOfItsAudiences", claims({{"aud", R"(["x","api://other"])"}}), "none"},
        ClaimsCase{"NoneOfItsAudiences", claims({{"aud", "[]"}}), "audience"},
        ClaimsCase{"OddAudience", claims({{"aud", R"(["api://edge",7])"}}), "audience_malformed"},
        ClaimsCase{"AudienceNumber", claims({{"aud", "7"}}), "audience_malformed"},
        ClaimsCase{"NoExp", claims({{"exp", ""}}), "exp_missing"},
        ClaimsCase{"ExpText", claims({{"exp", R"("1800000300")"}}), "time_malformed"},
        ClaimsCase{"ExpFraction", claims({{"exp", "1800000300.5"}}), "time_malformed"},
        ClaimsCase{"ExpNegative", claims({{"exp", "-1"}}), "time_malformed"},
        ClaimsCase{"ExpBeyondTheCalendar", claims({{"exp", "253402300800"}}), "time_malformed"},
        ClaimsCase{"ExpBeforeIat", claims({{"exp", "1799999990"}}), "time_malformed"},
        ClaimsCase{"LastSecondOfLeeway", claims({{"exp", "1799999971"}, {"iat", "1799999000"}}), "none"},
        ClaimsCase{"Expired", claims({{"exp", "1799999970"}, {"iat", "1799999000"}}), "expired"},
        ClaimsCase{"NbfWithinLeeway", claims({{"nbf", "1800000030"}}), "none"},
        ClaimsCase{"NotYet", claims({{"nbf", "1800000031"}}), "not_yet_valid"},
        ClaimsCase{"NbfText", claims({{"nbf", R"("now")"}}), "time_malformed"},
        ClaimsCase{"IatInFuture", claims({{"iat", "1800000031"}}), "issued_in_future"},
        ClaimsCase{"NoIat", claims({{"iat", ""}}), "none"},
        ClaimsCase{"NoSubject", claims({{"sub", ""}}), "subject_missing"},
        ClaimsCase{"EmptySubject", claims({{"sub", R"("")"}}), "subject_malformed"},
        ClaimsCase{"SubjectNumber", claims({{"sub", "7"}}), "subject_malformed"},
        ClaimsCase{"SubjectWithNul", claims({{"sub", R"("a\u0000b")"}}), "payload_malformed"},
        ClaimsCase{"SubjectWithNewline", claims({{"sub", R"("a\nb")"}}), "subject_malformed"},
        ClaimsCase{"LongSubject", claims({{"sub", '"' + std::string(256, 's') + '"'}}), "subject_malformed"},
        ClaimsCase{"TwoSubjects", R"({"sub":"a","sub":"b"})", "payload_duplicate_member"},
        ClaimsCase{"NoObject", R"(["robot"])", "payload_malformed"},
        ClaimsCase{"NoJson", "robot", "payload_malformed"}),
    [](const auto &test) { return std::string(test.param.name); });

struct HeaderCase {
    const char *name;
    std::string header;
    const char *refusal;
};

class Headers : public testing::TestWithParam<HeaderCase> {};

TEST_P(Headers, AreJudged) {
    EXPECT_EQ(refusal(ec().sign(GetParam().header, claims())), GetParam().refusal);
}

INSTANTIATE_TEST_SUITE_P(
    Each, Headers,
    testing::Values(
        HeaderCase{"NoTyp", R"({"alg":"ES256","kid":"e"})", "none"},
        HeaderCase{"Jwt", R"({"alg":"ES256","kid":"e","typ":"JWT"})", "none"},
        HeaderCase{"ApplicationAtJwt", R"({"alg":"ES256","kid":"e","typ":"application/AT+JWT"})", "none"},
        HeaderCase{"OtherTyp", R"({"alg":"ES256","kid":"e","typ":"dpop+jwt"})", "typ"},
        HeaderCase{"NoKidButOneKeyThatFits", R"({"alg":"ES256"})", "none"},
        HeaderCase{"UnknownKid", R"({"alg":"ES256","kid":"x"})", "unknown_kid"},
        HeaderCase{"KidNoText", R"({"alg":"ES256","kid":7})", "header_malformed"},
        HeaderCase{"None", R"({"alg":"none","kid":"e"})", "alg_none"},
        HeaderCase{"NoneInDisguise", R"({"alg":"nOnE","kid":"e"})", "alg_none"},
        HeaderCase{"Hmac", R"({"alg":"HS256","kid":"e"})", "alg_hmac"},
        HeaderCase{"NotAccepted", R"({"alg":"ES384","kid":"e"})", "alg_not_accepted"},
        HeaderCase{"OfAnotherKey", R"({"alg":"RS256","kid":"e"})", "key_mismatch"},
        HeaderCase{"Crit", R"({"alg":"ES256","kid":"e","crit":["exp"]})", "crit"},
        HeaderCase{"B64", R"({"alg":"ES256","kid":"e","b64":false})", "b64"},
        HeaderCase{"OwnKey", R"({"alg":"ES256","kid":"x","jwk":{"kty":"oct","k":"AAAA"}})", "unknown_kid"},
        HeaderCase{"Twice", R"({"alg":"ES256","alg":"none"})", "header_duplicate_member"},
        HeaderCase{"NoObject", R"("ES256")", "header_malformed"}),
    [](const auto &test) { return std::string(test.param.name); });

TEST(AccessToken, IsRefusedByForm) {
    const std::string token = ec().sign(claims());
    EXPECT_EQ(refusal(""), "malformed");
    EXPECT_EQ(refusal("a.b"), "malformed");
    EXPECT_EQ(refusal("a.b.c.d.e"), "encrypted");
    EXPECT_EQ(refusal(token + "="), "malformed");
    EXPECT_EQ(refusal(std::string(kMaxAccessTokenBytes + 1, 'a')), "too_large");
    EXPECT_EQ(refusal(token.substr(0, token.rfind('.') + 1)), "signature");
}

TEST(AccessToken, OfAnotherKeyWithTheSameNameIsRefused) {
    EXPECT_EQ(refusal(Signer::p256("e").sign(claims())), "signature");
}

TEST(AccessToken, AnIssuerWithoutAlgorithmsAcceptsNothing) {
    AccessTokenPolicy wanted = policy();
    wanted.algorithms.clear();
    EXPECT_EQ(refusal(ec().sign(claims()), wanted), "alg_not_accepted");
}

TEST(AccessToken, AgeIsLimited) {
    AccessTokenPolicy wanted = policy();
    wanted.max_age_s = 60;
    EXPECT_EQ(refusal(ec().sign(claims()), wanted), "none");
    EXPECT_EQ(refusal(ec().sign(claims({{"iat", ""}})), wanted), "iat_missing");
    EXPECT_EQ(refusal(ec().sign(claims({{"iat", "1799999910"}})), wanted), "too_old");
    const auto token = verify_access_token(ec().sign(claims()), wanted, keys(), kNow);
    EXPECT_EQ(token->expires_at_s, 1'800'000'080) << "not remembered beyond its age";
}

TEST(UnverifiedToken, SaysWhoseItClaimsToBe) {
    const auto token = read_unverified(ec().sign(claims()));
    ASSERT_TRUE(token);
    EXPECT_EQ(token->issuer, "https://idp.example");
    EXPECT_EQ(token->kid, "e");
    for (const char *issuer :
         {R"("")", R"("http://idp.example")", R"("https://")", R"("https://a b")", R"("https://a?b")", "7"}) {
        EXPECT_EQ(read_unverified(ec().sign(claims({{"iss", issuer}}))).error(), Refusal::kIssuer) << issuer;
    }
    EXPECT_EQ(read_unverified(ec().sign(claims({{"iss", ""}}))).error(), Refusal::kIssuerMissing);
}

}  // namespace
}  // namespace nexus::jose
