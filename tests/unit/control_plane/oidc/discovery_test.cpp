// Discovery and its cache, with a scripted network and clock.
#include "control_plane/oidc/discovery.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/unit/control_plane/oidc/signing.h"

namespace nexus::control {
namespace {

constexpr const char *kIssuer = "https://idp.example/t1";

std::string document(const std::string &issuer = kIssuer, const std::string &more = "") {
    return R"({"issuer":")" + issuer +
           R"(","authorization_endpoint":"https://idp.example/auth",)"
           R"("token_endpoint":"https://idp.example/token","jwks_uri":"https://idp.example/jwks")" +
           more + "}";
}

TEST(IssuerMetadata, MustNameThePinnedIssuerExactly) {
    EXPECT_TRUE(parse_issuer_metadata(document(), kIssuer));
    for (const char *other :
         {"https://idp.example/t1/", "https://idp.example", "HTTPS://idp.example/t1", ""}) {
        EXPECT_EQ(parse_issuer_metadata(document(other), kIssuer).error().errc, Errc::kProviderError)
            << other;
    }
}

TEST(IssuerMetadata, MustBeUsable) {
    EXPECT_FALSE(parse_issuer_metadata("<html>", kIssuer));
    EXPECT_FALSE(parse_issuer_metadata(R"({"issuer":"https://idp.example/t1"})", kIssuer));
    EXPECT_EQ(
        parse_issuer_metadata(document(kIssuer, R"(,"code_challenge_methods_supported":["plain"])"), kIssuer)
            ->pkce,
        PkceSupport::kNotS256);
    EXPECT_EQ(parse_issuer_metadata(
                  document(kIssuer, R"(,"code_challenge_methods_supported":["plain","S256"])"), kIssuer)
                  ->pkce,
              PkceSupport::kS256);
    EXPECT_EQ(parse_issuer_metadata(document(kIssuer, ""), kIssuer)->pkce, PkceSupport::kUnknown);
    EXPECT_FALSE(parse_issuer_metadata(document(kIssuer, R"(,"revocation_endpoint":"x")"), kIssuer));
    EXPECT_TRUE(parse_issuer_metadata(
                    document(kIssuer, R"(,"authorization_response_iss_parameter_supported":true)"), kIssuer)
                    ->iss_in_response);
}

TEST(IssuerMetadata, MustNotLeadFromHttpsToHttp) {
    const std::string plain_userinfo = R"(,"userinfo_endpoint":"http://idp.example/userinfo")";
    EXPECT_FALSE(parse_issuer_metadata(document(kIssuer, plain_userinfo), kIssuer));
    EXPECT_FALSE(
        parse_issuer_metadata(document("HTTPS://idp.example", plain_userinfo), "HTTPS://idp.example"));
    EXPECT_TRUE(parse_issuer_metadata(document("http://idp.example", plain_userinfo), "http://idp.example"));
    EXPECT_FALSE(parse_issuer_metadata(document(kIssuer, R"(,"userinfo_endpoint":"/userinfo")"), kIssuer));
    std::string plain_keys = document();
    plain_keys.replace(plain_keys.find("https://idp.example/jwks"), 5, "http");
    EXPECT_FALSE(parse_issuer_metadata(plain_keys, kIssuer));
}

TEST(DiscoveryUrl, KeepsTheIssuersPath) {
    EXPECT_EQ(discovery_url("https://idp.example/t1/"),
              "https://idp.example/t1/.well-known/openid-configuration");
    EXPECT_EQ(discovery_url("https://idp.example"), "https://idp.example/.well-known/openid-configuration");
}

class DiscoveryTest : public testing::Test {
protected:
    DiscoveryTest()
        : first_(test::SigningKey::rsa("k1")),
          second_(test::SigningKey::rsa("k2")),
          discovery_([this](const HttpRequest &request) { return answer(request); },
                     [this] { return now_; }) {
        keys_ = R"({"keys":[)" + first_.public_jwk() + "]}";
    }

    Result<HttpResponse> answer(const HttpRequest &request) {
        calls_[request.url] += 1;
        if (down_) {
            return fail(Errc::kProviderUnavailable, "no answer");
        }
        HttpResponse response;
        response.status = status_;
        response.body = Secret{std::string_view{request.url.ends_with("/jwks") ? keys_ : document()}};
        return response;
    }

    test::SigningKey first_;
    test::SigningKey second_;
    std::map<std::string, int> calls_;
    std::string keys_;
    bool down_ = false;
    int status_ = 200;
    UnixMs now_ = 1'800'000'000'000;
    Discovery discovery_;
};

TEST_F(DiscoveryTest, FetchesOnceWhileFresh) {
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ((*discovery_.metadata(kIssuer))->token_endpoint, "https://idp.example/token");
        EXPECT_TRUE(discovery_.keys(kIssuer, "k1"));
    }
    EXPECT_EQ(calls_[discovery_url(kIssuer)], 1);
    EXPECT_EQ(calls_["https://idp.example/jwks"], 1);
    now_ += Discovery::kFreshMs;
    EXPECT_TRUE(discovery_.metadata(kIssuer));
    EXPECT_EQ(calls_[discovery_url(kIssuer)], 2);
}

TEST_F(DiscoveryTest, AnUnknownKidFetchesAtMostOnceInThirtySeconds) {
    ASSERT_TRUE(discovery_.keys(kIssuer, "k1"));
    now_ += Discovery::kKidRefetchMs;
    keys_ = R"({"keys":[)" + second_.public_jwk() + "]}";
    EXPECT_TRUE((*discovery_.keys(kIssuer, "k2"))->has_kid("k2")) << "rotation is noticed";
    for (int i = 0; i < 10; ++i) {
        EXPECT_TRUE(discovery_.keys(kIssuer, "forged-" + std::to_string(i)));
    }
    EXPECT_EQ(calls_["https://idp.example/jwks"], 2) << "and strangers cannot make us fetch";
    now_ += Discovery::kKidRefetchMs;
    EXPECT_TRUE(discovery_.keys(kIssuer, "forged"));
    EXPECT_EQ(calls_["https://idp.example/jwks"], 3);
}

TEST_F(DiscoveryTest, AnOutageServesWhatIsKnown) {
    ASSERT_TRUE(discovery_.keys(kIssuer, "k1"));
    now_ += Discovery::kFreshMs;
    down_ = true;
    EXPECT_TRUE(discovery_.keys(kIssuer, "k1"));
    int calls = calls_["https://idp.example/jwks"] + calls_[discovery_url(kIssuer)];
    EXPECT_TRUE(discovery_.keys(kIssuer, "k1"));
    EXPECT_EQ(calls_["https://idp.example/jwks"] + calls_[discovery_url(kIssuer)], calls)
        << "not asked at once again";
}

TEST_F(DiscoveryTest, FailuresAreNotCached) {
    status_ = 500;
    EXPECT_EQ(discovery_.metadata(kIssuer).error().errc, Errc::kProviderUnavailable);
    status_ = 404;
    EXPECT_EQ(discovery_.metadata(kIssuer).error().errc, Errc::kProviderError);
    status_ = 200;
    EXPECT_TRUE(discovery_.metadata(kIssuer));
}

}  // namespace
}  // namespace nexus::control
