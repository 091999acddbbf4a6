// Which members a token's body has, and that a credential cannot take the place of one of them.
#include "ngx_module/answer/token_body.h"

#include <gtest/gtest.h>
#include <string>

#include "tests/unit/shared/record/samples.h"

namespace nexus::edge {
namespace {

using tests::OpenedToken;
using tests::sample_token;

constexpr UnixMs kNow = 1'767'225'000'000;

std::string body_of(const record::TokenRecord &token, UnixMs now = kNow) {
    const OpenedToken opened(token);
    std::string out(4096, '#');
    JsonText json(out);
    write_token_body(json, opened.view, now);
    return out.substr(0, json.size());
}

std::string status_of(const record::TokenRecord &token, bool with_expiry) {
    const OpenedToken opened(token);
    std::string out(4096, '#');
    JsonText json(out);
    write_status_body(json, opened.view, with_expiry);
    return out.substr(0, json.size());
}

record::TokenRecord token_with(std::vector<std::pair<std::string, std::string>> credentials) {
    record::TokenRecord token = sample_token();
    token.credentials.clear();
    for (auto &[name, value] : credentials) {
        token.credentials.emplace_back(name, Secret{std::string_view{value}});
    }
    return token;
}

TEST(TokenBody, Oauth2RepeatsTheCredentialsAtTheTop) {
    EXPECT_EQ(body_of(sample_token()),
              R"({"access_token":"at-secret","token_type":"Bearer","expires_at":"2026-01-01T00:00:00Z",)"
              R"("expired":false,"expiry":"2026-01-01T00:00:00Z","scopes":["read","write"],)"
              R"("strategy":{"type":"oauth2","config":{"header_name":"X-Key"}},)"
              R"("credentials":{"access_token":"at-secret","token_type":"Bearer",)"
              R"("expires_at":"2026-01-01T00:00:00Z","expired":false}})");
}

TEST(TokenBody, StaticCredentialsStayBelow) {
    record::TokenRecord token = token_with({{"api_key", "k"}});
    token.strategy = "header";
    token.expires_at = 0;
    token.scopes.clear();
    EXPECT_EQ(
        body_of(token),
        R"({"strategy":{"type":"header","config":{"header_name":"X-Key"}},"credentials":{"api_key":"k"}})");
}

TEST(TokenBody, NeverARefreshToken) {
    EXPECT_EQ(body_of(token_with({{"refresh_token", "canary"}, {"access_token", "a"}})).find("canary"),
              std::string::npos);
}

TEST(TokenBody, ACredentialGivesWayToTheBodysOwnMembers) {
    record::TokenRecord token = token_with({{"strategy", "x"},
                                            {"credentials", "x"},
                                            {"expiry", "x"},
                                            {"scopes", "x"},
                                            {"expires_at", "x"},
                                            {"expired", "x"},
                                            {"a", "1"}});
    EXPECT_EQ(
        body_of(token),
        R"({"a":"1","expires_at":"2026-01-01T00:00:00Z","expired":false,"expiry":"2026-01-01T00:00:00Z",)"
        R"("scopes":["read","write"],"strategy":{"type":"oauth2","config":{"header_name":"X-Key"}},)"
        R"("credentials":{"strategy":"x","credentials":"x","expiry":"x","scopes":"x","a":"1",)"
        R"("expires_at":"2026-01-01T00:00:00Z","expired":false}})");
    token.expires_at = 0;
    EXPECT_NE(body_of(token).find(R"({"expiry":"x","expires_at":"x","expired":"x","a":"1")"),
              std::string::npos);
}

TEST(TokenBody, NamesThatAreNoUtf8AreLeftOutAndSuchValuesAreNull) {
    const std::string body = body_of(token_with({{"\xff", "x"}, {"a", "\xff"}}));
    EXPECT_EQ(body.find("\"x\""), std::string::npos);
    EXPECT_NE(body.find(R"("a":null)"), std::string::npos);
}

struct TimeCase {
    UnixMs at;
    const char *text;
};

class Times : public testing::TestWithParam<TimeCase> {};

TEST_P(Times, AreRfc3339InWholeSeconds) {
    record::TokenRecord token = sample_token();
    token.expires_at = GetParam().at;
    EXPECT_EQ(status_of(token, true), std::string{R"({"status":"active","expiry":)"} + GetParam().text + "}");
}

INSTANTIATE_TEST_SUITE_P(All, Times,
                         testing::Values(TimeCase{1, R"("1970-01-01T00:00:00Z")"},
                                         TimeCase{951'782'399'999, R"("2000-02-28T23:59:59Z")"},
                                         TimeCase{951'782'400'000, R"("2000-02-29T00:00:00Z")"},
                                         TimeCase{1'709'164'800'000, R"("2024-02-29T00:00:00Z")"},
                                         TimeCase{4'107'542'399'000, R"("2100-02-28T23:59:59Z")"},
                                         TimeCase{253'402'300'799'999, R"("9999-12-31T23:59:59Z")"},
                                         TimeCase{253'402'300'800'000, "null"}, TimeCase{INT64_MAX, "null"}));

TEST(TokenBody, ExpiredFromTheMillisecondOn) {
    record::TokenRecord token = sample_token();
    EXPECT_NE(body_of(token, token.expires_at - 1).find(R"("expired":false)"), std::string::npos);
    EXPECT_NE(body_of(token, token.expires_at).find(R"("expired":true)"), std::string::npos);
}

TEST(StatusBody, SaysTheStateAndTheExpiryIfAsked) {
    EXPECT_EQ(status_of(sample_token(), false), R"({"status":"active"})");
    record::TokenRecord token = sample_token();
    token.expires_at = 0;
    token.state = connection::State::kAttention;
    EXPECT_EQ(status_of(token, true), R"({"status":"attention"})");
}

}  // namespace
}  // namespace nexus::edge
