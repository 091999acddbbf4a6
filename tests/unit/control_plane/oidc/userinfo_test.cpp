#include "control_plane/oidc/userinfo.h"

#include <gtest/gtest.h>

#include "tests/unit/control_plane/oidc/signing.h"

namespace nexus::control {
namespace {

constexpr const char *kAlice = R"({"sub":"alice","email":"a@example.com","email_verified":true})";

class UserInfoTest : public testing::Test {
protected:
    Result<IdentityClaims> fetch() {
        const auto send = [this](const UserInfo::Make &make) -> Result<HttpResponse> {
            const Result<HttpRequest> request = make();
            asked_ = request->url;
            bearer_ = request->bearer_token ? std::string{request->bearer_token->view()} : "";
            if (status_ == 0) {
                return fail(Errc::kProviderUnavailable, "away");
            }
            HttpResponse response;
            response.status = status_;
            response.headers = {{"content-type", type_}};
            response.body = Secret{std::string_view{body_}};
            return response;
        };
        const UserInfo userinfo(
            [this](const IssuerSource &, std::string_view) -> Result<std::shared_ptr<const jose::JwkSet>> {
                Result<jose::JwkSet> keys = jose::JwkSet::parse(R"({"keys":[)" + key_.public_jwk() + "]}");
                return std::make_shared<const jose::JwkSet>(std::move(*keys));
            });
        UserInfoRequest request{"https://i.example/me", "alice", "c", {}};
        request.source.issuer = "https://i.example";
        request.accepted_algorithms = accepted_;
        return userinfo.fetch(send, request, Secret{std::string_view{"at"}});
    }
    std::string why() {
        const Result<IdentityClaims> got = fetch();
        return got ? "" : got.error().detail;
    }
    void answer(const std::string &body, const std::string &type = "application/json") {
        body_ = body;
        type_ = type;
    }
    void answer_signed(const std::string &claims, const std::string &kid = "k") {
        answer(key_.sign("RS256", claims, kid), "application/jwt");
    }

    test::SigningKey key_ = test::SigningKey::rsa("k");
    int status_ = 200;
    std::string type_ = "application/json";
    std::string body_ = kAlice;
    std::vector<std::string> accepted_;
    std::string asked_;
    std::string bearer_;
};

TEST_F(UserInfoTest, SaysWhoItIs) {
    const Result<IdentityClaims> got = fetch();
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->email, "a@example.com");
    EXPECT_EQ(asked_, "https://i.example/me");
    EXPECT_EQ(bearer_, "at");
    answer(kAlice, "Application/JSON; charset=utf-8");
    EXPECT_TRUE(fetch());
}

TEST_F(UserInfoTest, OnlyOfTheSameSubject) {
    answer(R"({"sub":"mallory","email":"a@example.com"})");
    EXPECT_EQ(why(), "other_subject");
    answer(R"({"sub":"alice "})");
    EXPECT_EQ(why(), "other_subject");
    answer(R"({"sub":"ALICE"})");
    EXPECT_EQ(why(), "other_subject");
    answer(R"({"email":"a@example.com"})");
    EXPECT_EQ(why(), "no_subject");
    answer(R"({"sub":5})");
    EXPECT_EQ(why(), "no_subject");
}

TEST_F(UserInfoTest, RubbishIsOfNoUse) {
    for (const char *body : {"", "[]", "<html>", R"({"sub":"alice")", R"({"sub":"alice","sub":"mallory"})"}) {
        answer(body);
        EXPECT_EQ(why(), "malformed") << body;
    }
    answer(kAlice, "text/html");
    EXPECT_EQ(why(), "content_type");
    answer(kAlice, "");
    EXPECT_EQ(why(), "content_type");
    answer(R"({"sub":"alice","x":")" + std::string(70000, 'x') + "\"}");
    EXPECT_EQ(why(), "too_large");
}

TEST_F(UserInfoTest, FailuresAreToldApart) {
    status_ = 0;
    EXPECT_EQ(fetch().error().errc, Errc::kProviderUnavailable);
    status_ = 503;
    EXPECT_EQ(fetch().error().errc, Errc::kProviderUnavailable);
    status_ = 401;
    EXPECT_EQ(fetch().error().errc, Errc::kProviderError);
    EXPECT_EQ(why(), "status_401");
    status_ = 302;
    EXPECT_EQ(why(), "status_302");
}

TEST_F(UserInfoTest, ASignedAnswerIsVerified) {
    const std::string good = R"({"iss":"https://i.example","aud":["x","c"],"sub":"alice","name":"Alice"})";
    answer_signed(good);
    const Result<IdentityClaims> got = fetch();
    ASSERT_TRUE(got) << got.error().message << got.error().detail;
    EXPECT_EQ(got->name, "Alice");

    answer_signed(R"({"iss":"https://j.example","aud":"c","sub":"alice"})");
    EXPECT_EQ(why(), "issuer");
    answer_signed(R"({"aud":"c","sub":"alice"})");
    EXPECT_EQ(why(), "issuer");
    answer_signed(R"({"iss":"https://i.example","aud":"d","sub":"alice"})");
    EXPECT_EQ(why(), "audience");
    answer_signed(R"({"iss":"https://i.example","sub":"alice"})");
    EXPECT_EQ(why(), "audience");
    answer_signed(R"({"iss":"https://i.example","aud":"c","sub":"mallory"})");
    EXPECT_EQ(why(), "other_subject");

    answer_signed(good, "another");
    EXPECT_EQ(why(), "unknown_kid");
    answer_signed(good);
    accepted_ = {"ES256"};
    EXPECT_EQ(why(), "alg_not_accepted");
    accepted_.clear();
    answer(test::SigningKey::rsa("k").sign("RS256", good, "k"), "application/jwt");
    EXPECT_EQ(why(), "signature");
    answer(kAlice, "application/jwt");
    EXPECT_NE(why(), "");
}

TEST(MergedIdentity, TheNewerWinsAndAnAddressKeepsItsOwnVerdict) {
    IdentityClaims id_token;
    id_token.sub = "alice";
    id_token.email = "old@example.com";
    id_token.email_verified = true;
    id_token.locale = "en";
    IdentityClaims userinfo;
    userinfo.sub = "alice";
    userinfo.email = "new@example.com";
    const IdentityClaims both = merged(id_token, userinfo);
    EXPECT_EQ(both.email, "new@example.com");
    EXPECT_FALSE(both.email_verified) << "nobody verified the new one";
    EXPECT_EQ(both.locale, "en");
    EXPECT_EQ(merged(id_token, IdentityClaims{}).email_verified, true);
}

}  // namespace
}  // namespace nexus::control
