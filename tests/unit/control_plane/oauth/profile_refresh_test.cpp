// The members of `oauth` about refreshing: what is read, and each refusal by its name.
#include "control_plane/oauth/profile_refresh.h"

#include <gtest/gtest.h>

#include "control_plane/oauth/profile.h"
#include "tests/unit/control_plane/oauth/profile_refusal.h"

namespace nexus::control {
namespace {

using Use = RefreshReuse::Use;
using Means = RefreshErrorRule::Means;

using test::parse;
using test::Refusal;

TEST(ProfileRefresh, NothingSaidIsNotKnown) {
    const OAuthProfile got = *parse("{}");
    EXPECT_EQ(got.reuse.use, Use::kUnknown);
    EXPECT_EQ(got.reuse.grace_s, 0);
    EXPECT_TRUE(got.rate_limits.empty());
    EXPECT_TRUE(got.refresh_errors.empty());
}

TEST(ProfileRefresh, ReadsTheUseOfRefreshTokens) {
    EXPECT_EQ(parse(R"({"refresh_token_use":"reusable"})")->reuse.use, Use::kReusable);
    EXPECT_EQ(parse(R"({"refresh_token_use":"single_use"})")->reuse.use, Use::kSingleUse);
    EXPECT_EQ(parse(R"({"refresh_token_use":"single_use"})")->reuse.grace_s, 0);
    EXPECT_EQ(parse(R"({"refresh_token_use":"single_use","reuse_grace_s":3600})")->reuse.grace_s, 3600);
}

TEST(ProfileRefresh, ReadsRateLimits) {
    Result<OAuthProfile> got = parse(R"({"rate_limits":[{"requests":100,"window_s":60},
        {"requests":1,"window_s":86400,"per":"connection","burst":5}]})");
    ASSERT_TRUE(got) << got.error().message;
    ASSERT_EQ(got->rate_limits.size(), 2u);
    EXPECT_EQ(got->rate_limits[0].requests, 100);
    EXPECT_EQ(got->rate_limits[0].window_s, 60);
    EXPECT_EQ(got->rate_limits[0].per, RateLimit::Per::kClient);
    EXPECT_EQ(got->rate_limits[0].burst, 0) << "not said";
    EXPECT_EQ(got->rate_limits[1].per, RateLimit::Per::kConnection);
    EXPECT_EQ(got->rate_limits[1].burst, 5);
}

TEST(ProfileRefresh, ReadsWhatErrorsMean) {
    Result<OAuthProfile> got = parse(R"({"refresh_errors":[
        {"path":"error_codes.0","equals":["50076",50079],"means":"user_action","reason":"mfa_required"},
        {"equals":"gone","means":"revoked"}]})");
    ASSERT_TRUE(got) << got.error().message;
    ASSERT_EQ(got->refresh_errors.size(), 2u);
    EXPECT_EQ(got->refresh_errors[0].path, "error_codes.0");
    EXPECT_EQ(got->refresh_errors[0].equals, (std::vector<std::string>{"50076", "50079"}));
    EXPECT_EQ(got->refresh_errors[0].means, Means::kUserAction);
    EXPECT_EQ(got->refresh_errors[0].reason, "mfa_required");
    EXPECT_EQ(got->refresh_errors[1].path, "") << "where the answer has its error";
    EXPECT_EQ(got->refresh_errors[1].equals, (std::vector<std::string>{"gone"}));
    EXPECT_EQ(got->refresh_errors[1].means, Means::kRevoked);
    EXPECT_EQ(got->refresh_errors[1].reason, "revoked") << "the meaning's name";
}

std::string list_of(const std::string &member, size_t count, const std::string &element) {
    std::string out = R"({")" + member + R"(":[)";
    for (size_t i = 0; i < count; ++i) {
        out += (i == 0 ? "" : ",") + element;
    }
    return out + "]}";
}

TEST(ProfileRefresh, ListsAreBounded) {
    const std::string limit = R"({"requests":1,"window_s":1})";
    EXPECT_TRUE(parse(list_of("rate_limits", 4, limit)));
    EXPECT_FALSE(parse(list_of("rate_limits", 5, limit)));
    const std::string rule = R"({"equals":"x","means":"transient"})";
    EXPECT_TRUE(parse(list_of("refresh_errors", 32, rule)));
    EXPECT_FALSE(parse(list_of("refresh_errors", 33, rule)));
    std::string codes = R"("c")";
    for (int i = 1; i < 64; ++i) {
        codes += R"(,"c")";
    }
    EXPECT_TRUE(parse(R"({"refresh_errors":[{"means":"transient","equals":[)" + codes + "]}]}"));
    EXPECT_FALSE(parse(R"({"refresh_errors":[{"means":"transient","equals":[)" + codes + R"(,"c"]}]})"));
}

class ProfileRefreshRefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(ProfileRefreshRefusalTest, NamesTheMember) {
    test::expect_named(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Members, ProfileRefreshRefusalTest,
    testing::Values(
        Refusal{R"({"refresh_token_use":"once"})", ".refresh_token_use"},
        Refusal{R"({"refresh_token_use":true})", ".refresh_token_use"},
        Refusal{R"({"reuse_grace_s":30})", ".reuse_grace_s"},
        Refusal{R"({"refresh_token_use":"reusable","reuse_grace_s":30})", ".reuse_grace_s"},
        Refusal{R"({"refresh_token_use":"single_use","reuse_grace_s":0})", ".reuse_grace_s"},
        Refusal{R"({"refresh_token_use":"single_use","reuse_grace_s":3601})", ".reuse_grace_s"},
        Refusal{R"({"refresh_token_use":"single_use","reuse_grace_s":"30"})", ".reuse_grace_s"},
        Refusal{R"({"rate_limits":{"requests":1,"window_s":1}})", ".rate_limits"},
        Refusal{R"({"rate_limits":[7]})", ".rate_limits.0"},
        Refusal{R"({"rate_limits":[{"window_s":1}]})", ".rate_limits.0.requests"},
        Refusal{R"({"rate_limits":[{"requests":1}]})", ".rate_limits.0.window_s"},
        Refusal{R"({"rate_limits":[{"requests":0,"window_s":1}]})", ".rate_limits.0.requests"},
        Refusal{R"({"rate_limits":[{"requests":100001,"window_s":1}]})", ".rate_limits.0.requests"},
        Refusal{R"({"rate_limits":[{"requests":1,"window_s":86401}]})", ".rate_limits.0.window_s"},
        Refusal{R"({"rate_limits":[{"requests":1,"window_s":1,"per":"agent"}]})", ".rate_limits.0.per"},
        Refusal{R"({"rate_limits":[{"requests":1,"window_s":1,"burst":0}]})", ".rate_limits.0.burst"},
        Refusal{R"({"rate_limits":[{"requests":1,"window_s":1,"odd":0}]})", ".rate_limits.0.odd"},
        Refusal{R"({"refresh_errors":"x"})", ".refresh_errors"},
        Refusal{R"({"refresh_errors":[{"means":"revoked"}]})", ".refresh_errors.0.equals"},
        Refusal{R"({"refresh_errors":[{"equals":[],"means":"revoked"}]})", ".refresh_errors.0.equals"},
        Refusal{R"({"refresh_errors":[{"equals":["a",{}],"means":"revoked"}]})", ".refresh_errors.0.equals"},
        Refusal{R"({"refresh_errors":[{"equals":"","means":"revoked"}]})", ".refresh_errors.0.equals"},
        Refusal{R"({"refresh_errors":[{"equals":"x"}]})", ".refresh_errors.0.means"},
        Refusal{R"({"refresh_errors":[{"equals":"x","means":"dead"}]})", ".refresh_errors.0.means"},
        Refusal{R"({"refresh_errors":[{"equals":"x","means":"revoked","path":"a..b"}]})",
                ".refresh_errors.0.path"},
        Refusal{R"({"refresh_errors":[{"equals":"x","means":"revoked","reason":"Not good"}]})",
                ".refresh_errors.0.reason"},
        Refusal{R"({"refresh_errors":[{"equals":"x","means":"revoked","reason":""}]})",
                ".refresh_errors.0.reason"},
        Refusal{R"({"refresh_errors":[{"equals":"x","means":"revoked","odd":1}]})",
                ".refresh_errors.0.odd"}));

}  // namespace
}  // namespace nexus::control
