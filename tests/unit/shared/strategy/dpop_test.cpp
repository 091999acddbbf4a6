// oauth2 with a token that is bound to a key. The proof itself: jose/dpop_key_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/strategy/signing.h"
#include "shared/strategy/strategy.h"
#include "tests/unit/shared/strategy/records.h"

namespace nexus::strategy {
namespace {

constexpr std::string_view kKey =
    R"({"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",)"
    R"("y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"})";

record::TokenRecord bound(std::string_view key, std::string_view token_type = "dpop") {
    record::TokenRecord record =
        record_with("oauth2", {}, {{"access_token", "hunter2"}, {"token_type", std::string{token_type}}});
    record.dpop_key = Secret{key};
    return record;
}

const RequestToSign kRequest = {.head = "GET /a?b=1 HTTP/1.1\r\nHost: API.example:443\r\nDPoP: mine\r\n\r\n",
                                .body = {},
                                .payload_hash = {},
                                .now = 1'700'000'000'000,
                                .is_tls = true,
                                .unique = "0123"};

TEST(DpopStrategy, TheTokenGoesWithAProof) {
    const tests::OpenedToken opened(bound(kKey));
    EXPECT_TRUE(is_dpop_bound(opened.view));
    EXPECT_TRUE(is_signing(opened.view));
    const Result<Signature> signature = sign_request(opened.view, kRequest);
    ASSERT_TRUE(signature) << signature.error().message;
    ASSERT_EQ(signature->set.size(), 2U);
    EXPECT_EQ(signature->set[0].name, "Authorization");
    EXPECT_EQ(signature->set[0].value, "DPoP hunter2");
    EXPECT_EQ(signature->set[1].name, "DPoP");
    EXPECT_EQ(signature->set[1].value, signature->bare);
    EXPECT_THAT(std::string{signature->set[1].value},
                testing::StartsWith("eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2Ii"));
}

TEST(DpopStrategy, NeverWithoutOne) {
    for (const std::string_view key : {"", "{}", "hunter2"}) {
        const tests::OpenedToken opened(bound(key));
        const Result<Signature> signature = sign_request(opened.view, kRequest);
        ASSERT_FALSE(signature);
        EXPECT_EQ(signature.error().errc, Errc::kStrategyFailed);
        EXPECT_THAT(signature.error().message, testing::Not(testing::HasSubstr("hunter2")));
        EXPECT_EQ(injection_for(opened.view).error().errc, Errc::kStrategyFailed);
    }
}

TEST(DpopStrategy, OtherTokensAreSentAsEver) {
    const tests::OpenedToken opened(bound(kKey, "Bearer"));
    EXPECT_FALSE(is_signing(opened.view));
    EXPECT_FALSE(sign_request(opened.view, kRequest));
    EXPECT_EQ(injection_for(opened.view)->prefix, "Bearer ");
}

}  // namespace
}  // namespace nexus::strategy
