#include "shared/errc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <string>

namespace nexus {
namespace {

TEST(ErrcTable, StatusesAreClientOrServerErrors) {
    for (const ErrcInfo &info : errc_table()) {
        EXPECT_GE(info.http_status, 400) << info.code;
        EXPECT_LT(info.http_status, 600) << info.code;
    }
}

TEST(ErrcTable, CodesAreSnakeCaseAndMeanOneStatus) {
    std::map<std::string_view, int> status_of;
    for (const ErrcInfo &info : errc_table()) {
        EXPECT_THAT(std::string{info.code}, testing::MatchesRegex("[a-z][a-z_]*[a-z]"));
        const auto [known, is_new] = status_of.emplace(info.code, info.http_status);
        EXPECT_EQ(known->second, info.http_status) << info.code;
        EXPECT_TRUE(is_new || info.code == "internal_error" || info.errc == Errc::kProviderSilent)
            << info.code;
    }
}

struct Case {
    Errc errc;
    int status;
    const char *code;
};

class TokenAnswer : public testing::TestWithParam<Case> {};

TEST_P(TokenAnswer, IsWhatTheDesignPromises) {
    const ErrcInfo info = errc_info(GetParam().errc);
    EXPECT_EQ(info.http_status, GetParam().status);
    EXPECT_EQ(info.code, GetParam().code);
    EXPECT_EQ(info.errc, GetParam().errc);
}

INSTANTIATE_TEST_SUITE_P(Design4, TokenAnswer,
                         testing::Values(Case{Errc::kAttentionRequired, 409, "attention_required"},
                                         Case{Errc::kConnectionPending, 409, "connection_pending"},
                                         Case{Errc::kConnectionNotActive, 403, "connection_not_active"},
                                         Case{Errc::kConnectionRevoked, 403, "connection_revoked"},
                                         Case{Errc::kConnectionNotFound, 404, "connection_not_found"},
                                         Case{Errc::kTokenUnavailable, 503, "token_unavailable"},
                                         Case{Errc::kMissingApiKey, 401, "missing_api_key"},
                                         Case{Errc::kInvalidApiKey, 401, "invalid_api_key"},
                                         Case{Errc::kProviderError, 502, "upstream_error"}),
                         [](const auto &test) { return std::string{test.param.code}; });

TEST(ErrcTable, SecretsFailWithoutSayingHow) {
    for (const Errc errc : {Errc::kSealBroken, Errc::kUnknownKey, Errc::kInvalidKey, Errc::kCryptoFailure,
                            Errc::kMalformedRecord, Errc::kStrategyFailed, Errc::kInternal}) {
        EXPECT_EQ(errc_info(errc).http_status, 500);
        EXPECT_EQ(errc_info(errc).code, "internal_error");
    }
}

TEST(ErrcTable, CallersSeeASilentProviderAsOneThatIsAway) {
    EXPECT_EQ(errc_info(Errc::kProviderSilent).http_status,
              errc_info(Errc::kProviderUnavailable).http_status);
    EXPECT_EQ(errc_info(Errc::kProviderSilent).code, errc_info(Errc::kProviderUnavailable).code);
}

TEST(ErrcTable, ANumberOutsideIsInternal) {
    EXPECT_EQ(errc_info(static_cast<Errc>(10'000)).errc, Errc::kInternal);
    EXPECT_EQ(errc_info(static_cast<Errc>(-1)).errc, Errc::kInternal);
}

}  // namespace
}  // namespace nexus
