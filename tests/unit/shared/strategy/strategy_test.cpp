#include "shared/strategy/strategy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/shared/strategy/records.h"

namespace nexus::strategy {
namespace {

struct Works {
    const char *label;
    const char *strategy;
    Members config;
    Members credentials;
    Injection::Place place;
    const char *name;
    const char *value;
};

class StrategyApplies : public testing::TestWithParam<Works> {};

TEST_P(StrategyApplies, AsTheReferenceDoes) {
    const Works &works = GetParam();
    const tests::OpenedToken opened(record_with(works.strategy, works.config, works.credentials));
    const Injection injection = injection_for(opened.view).value();
    EXPECT_EQ(injection.place, works.place);
    EXPECT_EQ(injection.name, works.name);
    EXPECT_EQ(std::string{injection.prefix}.append(injection.value), works.value);
}

constexpr auto kHeader = Injection::Place::kHeader;
constexpr auto kQuery = Injection::Place::kQuery;
constexpr auto kCookie = Injection::Place::kCookie;

INSTANTIATE_TEST_SUITE_P(
    All, StrategyApplies,
    testing::Values(
        Works{"Oauth2", "oauth2", {}, {{"access_token", "at"}}, kHeader, "Authorization", "Bearer at"},
        Works{"Oauth2IgnoresTokenType",
              "oauth2",
              {},
              {{"token_type", "mac"}, {"access_token", "at"}},
              kHeader,
              "Authorization",
              "Bearer at"},
        Works{"HeaderDefaults", "header", {}, {{"api_key", "k"}}, kHeader, "Authorization", "k"},
        Works{"HeaderNamed",
              "header",
              {{"header_name", "X-Api-Token"}, {"credential_field", "token"}, {"value_prefix", "Token "}},
              {{"token", "t"}, {"api_key", "other"}},
              kHeader,
              "X-Api-Token",
              "Token t"},
        Works{"QueryParam",
              "query_param",
              {{"param_name", "api key"}},
              {{"api_key", "a b&c=d/\xc3\xa9"}},
              kQuery,
              "api%20key",
              "a%20b%26c%3Dd%2F%C3%A9"},
        Works{"QueryParamField",
              "query_param",
              {{"param_name", "key"}, {"credential_field", "secret"}},
              {{"secret", "s"}},
              kQuery,
              "key",
              "s"},
        // RFC 7617 section 2
        Works{"BasicAuth",
              "basic_auth",
              {},
              {{"username", "Aladdin"}, {"password", "open sesame"}},
              kHeader,
              "Authorization",
              "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
        Works{"BasicAuthFields",
              "basic_auth",
              {{"username_field", "u"}, {"password_field", "p"}},
              {{"u", "a"}, {"p", "b:c"}},
              kHeader,
              "Authorization",
              "Basic YTpiOmM="},
        Works{"Cookie", "cookie", {{"cookie_name", "sid"}}, {{"api_key", "a=b"}}, kCookie, "sid", "a=b"},
        Works{"CookieField",
              "cookie",
              {{"cookie_name", "sid"}, {"credential_field", "session"}},
              {{"session", "s1"}},
              kCookie,
              "sid",
              "s1"}),
    [](const auto &test) { return std::string{test.param.label}; });

TEST(Strategy, PutsSeveralHeadersOn) {
    Members config = {{"header_name", "X-Application"}, {"credential_field", "application"}};
    Members credentials = {{"application", "app"}};
    for (int i = 2; i <= 8; ++i) {
        const std::string n = std::to_string(i);
        config.emplace_back("header_name_" + n, "X-Key-" + n);
        config.emplace_back("credential_field_" + n, "key" + n);
        config.emplace_back("value_prefix_" + n, "Prefix" + n + " ");
        credentials.emplace_back("key" + n, "value" + n);
    }
    const tests::OpenedToken opened(record_with("header", config, credentials));
    const Injection injection = injection_for(opened.view).value();
    EXPECT_EQ(injection.name, "X-Application");
    EXPECT_EQ(injection.value, "app");
    ASSERT_EQ(injection.more.size(), 7U);
    EXPECT_EQ(injection.more[0].name, "X-Key-2");
    EXPECT_EQ(injection.more[6].prefix, "Prefix8 ");
    EXPECT_EQ(injection.more[6].value, "value8");
}

struct Fails {
    const char *label;
    const char *strategy;
    Members config;
    Members credentials;
};

class StrategyRefuses : public testing::TestWithParam<Fails> {};

TEST_P(StrategyRefuses, AndSaysNoValue) {
    const Fails &fails = GetParam();
    const tests::OpenedToken opened(record_with(fails.strategy, fails.config, fails.credentials));
    const Result<Injection> injection = injection_for(opened.view);
    ASSERT_FALSE(injection);
    EXPECT_EQ(injection.error().errc, Errc::kStrategyFailed);
    EXPECT_THAT(injection.error().message + injection.error().detail,
                testing::Not(testing::HasSubstr("canary")));
}

INSTANTIATE_TEST_SUITE_P(
    All, StrategyRefuses,
    testing::Values(
        Fails{"Unknown", "aws_sigv4", {}, {{"access_key", "canary"}}},
        Fails{"None", "", {}, {{"access_token", "canary"}}},
        Fails{"Oauth2WithoutToken", "oauth2", {}, {{"api_key", "canary"}}},
        Fails{"Oauth2LineBreak", "oauth2", {}, {{"access_token", "canary\r\nX-Evil: 1"}}},
        Fails{"Oauth2Nul", "oauth2", {}, {{"access_token", std::string("canary\0", 7)}}},
        Fails{"HeaderWithoutField", "header", {{"credential_field", "token"}}, {{"api_key", "canary"}}},
        Fails{"HeaderNameNoToken", "header", {{"header_name", "X Key"}}, {{"api_key", "canary"}}},
        Fails{"HeaderNameLineBreak", "header", {{"header_name", "X-Key\r\nY"}}, {{"api_key", "canary"}}},
        Fails{"HeaderNameColon", "header", {{"header_name", "X-Key:"}}, {{"api_key", "canary"}}},
        Fails{"HeaderHost", "header", {{"header_name", "Host"}}, {{"api_key", "canary"}}},
        Fails{"HeaderFraming", "header", {{"header_name", "transfer-Encoding"}}, {{"api_key", "canary"}}},
        Fails{"HeaderLength", "header", {{"header_name", "Content-Length"}}, {{"api_key", "12"}}},
        Fails{"PrefixLineBreak", "header", {{"value_prefix", "a\nb"}}, {{"api_key", "canary"}}},
        Fails{"SecondHeaderWithoutField",
              "header",
              {{"header_name_2", "X-Two"}},
              {{"api_key", "canary"}, {"two", "canary"}}},
        Fails{"SecondHeaderWithoutCredential",
              "header",
              {{"header_name_2", "X-Two"}, {"credential_field_2", "two"}},
              {{"api_key", "canary"}}},
        Fails{"SecondHeaderTwice",
              "header",
              {{"header_name", "X-One"}, {"header_name_2", "x-one"}, {"credential_field_2", "api_key"}},
              {{"api_key", "canary"}}},
        Fails{"SecondHeaderHost",
              "header",
              {{"header_name_2", "Host"}, {"credential_field_2", "api_key"}},
              {{"api_key", "canary"}}},
        Fails{"SecondPrefixLineBreak",
              "header",
              {{"header_name_2", "X-Two"}, {"credential_field_2", "api_key"}, {"value_prefix_2", "a\r\nb"}},
              {{"api_key", "canary"}}},
        Fails{"HeaderAfterAGap",
              "header",
              {{"header_name_3", "X-Three"}, {"credential_field_3", "api_key"}},
              {{"api_key", "canary"}}},
        Fails{"QueryWithoutName", "query_param", {}, {{"api_key", "canary"}}},
        Fails{"QueryWithoutValue", "query_param", {{"param_name", "key"}}, {}},
        Fails{"BasicWithoutPassword", "basic_auth", {}, {{"username", "canary"}}},
        Fails{"BasicEmptyUser", "basic_auth", {}, {{"username", ""}, {"password", "canary"}}},
        Fails{"BasicColonInUser", "basic_auth", {}, {{"username", "can:ary"}, {"password", "canary"}}},
        Fails{"BasicControl", "basic_auth", {}, {{"username", "a"}, {"password", "canary\n"}}},
        Fails{"CookieWithoutName", "cookie", {}, {{"api_key", "canary"}}},
        Fails{"CookieBrokenName", "cookie", {{"cookie_name", "a b"}}, {{"api_key", "canary"}}},
        Fails{"CookieThatWouldEnd", "cookie", {{"cookie_name", "sid"}}, {{"api_key", "canary; other=1"}}},
        Fails{"CookieMissing", "cookie", {{"cookie_name", "sid"}}, {}}),
    [](const auto &test) { return std::string{test.param.label}; });

TEST(Strategy, RefusesARecordThatIsNotActive) {
    record::TokenRecord token = record_with("oauth2", {}, {{"access_token", "at"}});
    token.state = connection::State::kAttention;
    const tests::OpenedToken opened(token);
    EXPECT_EQ(injection_for(opened.view).error().errc, Errc::kStrategyFailed);
}

TEST(Strategy, KnowsItsNames) {
    for (const char *name : {"oauth2", "header", "query_param", "basic_auth", "cookie"}) {
        EXPECT_TRUE(is_known(name));
    }
    EXPECT_FALSE(is_known("hmac_payload"));
    EXPECT_FALSE(is_known(""));
}

}  // namespace
}  // namespace nexus::strategy
