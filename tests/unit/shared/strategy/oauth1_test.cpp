// The strategy oauth1: what is signed, what the line says, what is refused. The signatures themselves:
// oauth1/signature_test.cpp, and tests/module/oauth1.test.mjs for an independent signer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/encoding/percent.h"
#include "shared/oauth1/signature.h"
#include "shared/strategy/signing.h"
#include "tests/unit/shared/strategy/records.h"

namespace nexus::strategy {
namespace {

constexpr UnixMs kNow = 1'700'000'000'999;
const Members kCredentials = {
    {"consumer_key", "ck"}, {"consumer_secret", "hunter2&"}, {"token", "t/1"}, {"token_secret", "hunter2"}};

struct Sent {
    std::string target = "/1/x.json?b=2&a=1";
    std::string headers = {};
    std::string body = {};
    bool is_tls = true;
};

Result<Signature> signed_request(const Sent &sent, const Members &config = {},
                                 const Members &credentials = kCredentials) {
    const tests::OpenedToken opened(record_with("oauth1", config, credentials));
    const std::string head =
        "POST " + sent.target + " HTTP/1.1\r\nHost: API.example.com:443\r\n" + sent.headers + "\r\n";
    RequestToSign request;
    request.head = head;
    request.body = [&](const std::function<void(std::string_view)> &take) {
        take(std::string_view{sent.body}.substr(0, sent.body.size() / 2));
        take(std::string_view{sent.body}.substr(sent.body.size() / 2));
        return true;
    };
    request.body_bytes = sent.body.size();
    request.now = kNow;
    request.is_tls = sent.is_tls;
    request.unique = "n0nce";
    return sign_request(opened.view, request);
}

/// The line with the signature of these parameters.
std::string line_with(std::string_view uri, encoding::FormPairs more) {
    more.insert(more.end(), {{"oauth_consumer_key", "ck"},
                             {"oauth_token", "t/1"},
                             {"oauth_signature_method", "HMAC-SHA1"},
                             {"oauth_timestamp", "1700000000"},
                             {"oauth_nonce", "n0nce"},
                             {"oauth_version", "1.0"}});
    const std::string signature = oauth1::sign(
        crypto::HashName::kSha1, oauth1::signature_base_string("POST", uri, more), "hunter2&", "hunter2");
    return R"(OAuth oauth_consumer_key="ck", oauth_token="t%2F1", oauth_signature_method="HMAC-SHA1", )"
           R"(oauth_timestamp="1700000000", oauth_nonce="n0nce", oauth_version="1.0", oauth_signature=")" +
           encoding::percent_encode(signature) + "\"";
}

std::string line_of(const Result<Signature> &signature) {
    return signature ? std::string{signature->set.at(0).value} : signature.error().message;
}

constexpr const char *kForm = "content-type: Application/X-WWW-Form-Urlencoded ; charset=utf-8\r\n";

TEST(Oauth1Strategy, SignsTheQueryAndAForm) {
    const std::string uri = "https://api.example.com/1/x.json";
    EXPECT_EQ(line_of(signed_request({})), line_with(uri, {{"b", "2"}, {"a", "1"}}));
    EXPECT_EQ(line_of(signed_request({.headers = kForm, .body = "b=%32&c=d+e&&f"})),
              line_with(uri, {{"b", "2"}, {"a", "1"}, {"b", "2"}, {"c", "d e"}, {"f", ""}}));
    EXPECT_EQ(line_of(signed_request({.headers = "Content-Type: text/plain\r\n", .body = "c=d"})),
              line_with(uri, {{"b", "2"}, {"a", "1"}}));
    EXPECT_EQ(line_of(signed_request({.target = "/p%41/", .is_tls = false})),
              line_with("http://api.example.com:443/p%41/", {}));
}

TEST(Oauth1Strategy, TheBareSignatureIsDecoded) {
    const Result<Signature> signature = signed_request({});
    ASSERT_TRUE(signature);
    EXPECT_EQ(signature->bare.size(), 28u);
    EXPECT_THAT(line_of(signature),
                testing::EndsWith(R"(oauth_signature=")" + encoding::percent_encode(signature->bare) + "\""));
}

TEST(Oauth1Strategy, RealmMethodAndMissingToken) {
    const std::string line =
        line_of(signed_request({}, {{"realm", "123_SB1"}, {"signature_method", "HMAC-SHA256"}},
                               {{"consumer_key", "ck"}, {"consumer_secret", "hunter2"}}));
    EXPECT_THAT(line,
                testing::StartsWith(R"(OAuth realm="123_SB1", oauth_consumer_key="ck", oauth_signature)"));
    EXPECT_THAT(line, testing::HasSubstr(R"(oauth_signature_method="HMAC-SHA256")"));
    EXPECT_THAT(line, testing::Not(testing::HasSubstr("oauth_token")));
    EXPECT_THAT(line, testing::Not(testing::HasSubstr("hunter2")));
}

struct Refused {
    const char *label;
    Sent sent;
    Members config;
    Members credentials;
    Errc errc;
};

class Oauth1IsRefused : public testing::TestWithParam<Refused> {};

TEST_P(Oauth1IsRefused, AndSaysNoValue) {
    const Refused &refused = GetParam();
    const Result<Signature> signature = signed_request(refused.sent, refused.config, refused.credentials);
    ASSERT_FALSE(signature);
    EXPECT_EQ(signature.error().errc, refused.errc);
    EXPECT_THAT(signature.error().message, testing::Not(testing::HasSubstr("hunter2")));
}

INSTANTIATE_TEST_SUITE_P(
    All, Oauth1IsRefused,
    testing::Values(
        Refused{"NoKey", {}, {}, {{"consumer_secret", "hunter2"}}, Errc::kStrategyFailed},
        Refused{"NoSecret", {}, {}, {{"consumer_key", "ck"}}, Errc::kStrategyFailed},
        Refused{"Plaintext", {}, {{"signature_method", "PLAINTEXT"}}, kCredentials, Errc::kStrategyFailed},
        Refused{"Realm", {}, {{"realm", "a\", b=\"c"}}, kCredentials, Errc::kStrategyFailed},
        Refused{"OwnToken", {.target = "/?oauth%5Ftoken=x"}, {}, kCredentials, Errc::kInvalidRequest},
        Refused{
            "OwnNonce", {.headers = kForm, .body = "oauth_nonce=1"}, {}, kCredentials, Errc::kInvalidRequest},
        Refused{"ManyParameters",
                {.headers = kForm, .body = std::string(5000, '&')},
                {},
                kCredentials,
                Errc::kInvalidRequest},
        Refused{"LargeForm",
                {.headers = kForm, .body = std::string(1024 * 1024 + 1, 'a')},
                {},
                kCredentials,
                Errc::kPayloadTooLarge}),
    [](const auto &one) { return std::string{one.param.label}; });

TEST(Oauth1Strategy, TheLargestFormIsSigned) {
    EXPECT_TRUE(signed_request({.headers = kForm, .body = std::string(1024 * 1024, 'a')}));
}

}  // namespace
}  // namespace nexus::strategy
