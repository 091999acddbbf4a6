// What a token endpoint's answer means.
#include "control_plane/oauth/token_response.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

struct AnswerCase {
    const char *name;
    int status;
    const char *body;
    TokenOutcome outcome;
    const char *reason;
};

class TokenAnswerTest : public testing::TestWithParam<AnswerCase> {};

TEST_P(TokenAnswerTest, IsClassified) {
    TokenResponse got = parse_token_response(GetParam().status, GetParam().body, 0);
    EXPECT_EQ(got.outcome, GetParam().outcome);
    EXPECT_EQ(got.reason, GetParam().reason);
}

INSTANTIATE_TEST_SUITE_P(
    Answers, TokenAnswerTest,
    testing::Values(
        AnswerCase{"Good", 200, R"({"access_token":"a"})", TokenOutcome::kTokens, ""},
        AnswerCase{"ErrorWith200", 200, R"({"error":"invalid_grant"})", TokenOutcome::kInvalidGrant,
                   "invalid_grant"},
        AnswerCase{"ErrorBesideToken", 200, R"({"error":"invalid_grant","access_token":"a"})",
                   TokenOutcome::kInvalidGrant, "invalid_grant"},
        AnswerCase{"NoToken", 200, R"({"token_type":"Bearer"})", TokenOutcome::kConfiguration,
                   "malformed_answer"},
        AnswerCase{"EmptyToken", 200, R"({"access_token":""})", TokenOutcome::kConfiguration,
                   "malformed_answer"},
        AnswerCase{"TokenIsNumber", 200, R"({"access_token":7})", TokenOutcome::kConfiguration,
                   "malformed_answer"},
        AnswerCase{"TokenBreaksHeader", 200, R"({"access_token":"a\r\nX: y"})", TokenOutcome::kConfiguration,
                   "malformed_answer"},
        AnswerCase{"Html", 200, "<html>", TokenOutcome::kOutage, "malformed_answer"},
        AnswerCase{"Array", 200, "[]", TokenOutcome::kConfiguration, "malformed_answer"},
        AnswerCase{"Dead", 400, R"({"error":"invalid_grant","error_description":"secret text"})",
                   TokenOutcome::kInvalidGrant, "invalid_grant"},
        AnswerCase{"Client", 401, R"({"error":"invalid_client"})", TokenOutcome::kConfiguration,
                   "invalid_client"},
        AnswerCase{"Unknown", 400, R"({"error":"canary-token-value"})", TokenOutcome::kConfiguration,
                   "unknown_error"},
        AnswerCase{"Forbidden", 403, "", TokenOutcome::kOutage, "status_403"},
        AnswerCase{"Redirect", 302, "", TokenOutcome::kOutage, "status_302"},
        AnswerCase{"Timeout", 408, "", TokenOutcome::kTransient, "status_408"},
        AnswerCase{"Throttled", 429, R"({"error":"invalid_grant"})", TokenOutcome::kThrottled, "status_429"},
        AnswerCase{"Outage", 503, R"({"error":"invalid_grant"})", TokenOutcome::kOutage, "status_503"},
        AnswerCase{"SaysLater", 400, R"({"error":"temporarily_unavailable"})", TokenOutcome::kTransient,
                   "temporarily_unavailable"}),
    [](const auto &the_case) { return std::string{the_case.param.name}; });

struct ExpiryCase {
    const char *json;
    std::optional<int64_t> seconds;
};

class ExpiresInTest : public testing::TestWithParam<ExpiryCase> {};

TEST_P(ExpiresInTest, IsReadFromWhatProvidersSend) {
    std::string body = std::string{R"({"access_token":"a","expires_in":)"} + GetParam().json + "}";
    EXPECT_EQ(parse_token_response(200, body, 0).expires_in_s, GetParam().seconds);
}

INSTANTIATE_TEST_SUITE_P(Forms, ExpiresInTest,
                         testing::Values(ExpiryCase{"3600", 3600}, ExpiryCase{"\"3600\"", 3600},
                                         ExpiryCase{"3599.9", 3599}, ExpiryCase{"0", 0},
                                         ExpiryCase{"-5", std::nullopt}, ExpiryCase{"null", std::nullopt},
                                         ExpiryCase{"\"soon\"", std::nullopt}, ExpiryCase{"1e300", 315360000},
                                         ExpiryCase{"\"nan\"", std::nullopt}));

TEST(TokenAnswer, KeepsWhatIsUsed) {
    TokenResponse got = parse_token_response(
        200, R"({"access_token":"a","refresh_token":"r","id_token":"i","token_type":"bearer","scope":"x y"})",
        0);
    EXPECT_EQ(got.access_token.view(), "a");
    EXPECT_EQ(got.refresh_token.view(), "r");
    EXPECT_EQ(got.id_token.view(), "i");
    EXPECT_EQ(got.token_type, "bearer");
    EXPECT_EQ(got.scope, "x y");
    EXPECT_EQ(parse_token_response(200, R"({"access_token":"a"})", 0).token_type, "Bearer");
}

TEST(TokenAnswer, ObeysRetryAfter) {
    EXPECT_EQ(parse_token_response(429, "", 33).retry_after_s, 33);
}

// Only what was sent can have redeemed anything.
TEST(NoAnswer, IsAnOutageUnlessTheAddressIsForbidden) {
    const TokenResponse unsent = no_token_response(Error{Errc::kProviderUnavailable, "", "", 30});
    EXPECT_EQ(unsent.outcome, TokenOutcome::kOutage);
    EXPECT_EQ(unsent.retry_after_s, 30);
    EXPECT_FALSE(unsent.may_be_redeemed);
    const TokenResponse silent = no_token_response(Error{Errc::kProviderSilent, "", "", 0});
    EXPECT_EQ(silent.outcome, TokenOutcome::kOutage);
    EXPECT_TRUE(silent.may_be_redeemed);
    EXPECT_EQ(no_token_response(Error{Errc::kEgressDenied, "", "", 0}).outcome, TokenOutcome::kConfiguration);
}

}  // namespace
}  // namespace nexus::control
