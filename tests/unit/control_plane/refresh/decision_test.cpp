// The rules of refreshing, as a table.
#include "control_plane/refresh/decision.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

using connection::State;

constexpr UnixMs kNow = 1'800'000'000'000;

struct DecisionCase {
    const char *name;
    State state = State::kActive;
    bool refreshable = true;
    UnixMs left_ms = 60'000;      // until expiry; 0 = does not expire
    UnixMs refreshed_ms_ago = 0;  // 0 = never
    RefreshWish wish = {};
    RefreshDecision decision = RefreshDecision::kServe;
};

class DecideRefreshTest : public testing::TestWithParam<DecisionCase> {};

TEST_P(DecideRefreshTest, Decides) {
    const DecisionCase &the_case = GetParam();
    store::Connection connection;
    connection.state = the_case.state;
    connection.refreshable = the_case.refreshable;
    connection.generation = 5;
    connection.expires_at = the_case.left_ms == 0 ? 0 : kNow + the_case.left_ms;
    connection.last_refreshed_at = the_case.refreshed_ms_ago == 0 ? 0 : kNow - the_case.refreshed_ms_ago;
    EXPECT_EQ(decide_refresh(connection, the_case.wish, kNow), the_case.decision);
}

constexpr RefreshWish kRead{};
constexpr RefreshWish kForced{true, std::nullopt};

INSTANTIATE_TEST_SUITE_P(
    Table, DecideRefreshTest,
    testing::Values(
        DecisionCase{"ReadFresh", State::kActive, true, 60'000, 0, kRead, RefreshDecision::kServe},
        DecisionCase{"ReadNearlyExpired", State::kActive, true, 5'000, 0, kRead, RefreshDecision::kRefresh},
        DecisionCase{"ReadJustOutsideMargin", State::kActive, true, 5'001, 0, kRead, RefreshDecision::kServe},
        DecisionCase{"ReadExpired", State::kActive, true, -1, 0, kRead, RefreshDecision::kRefresh},
        DecisionCase{"ReadNearlyExpiredWithoutRefreshToken", State::kActive, false, 1, 0, kRead,
                     RefreshDecision::kServe},
        DecisionCase{"ReadExpiredWithoutRefreshToken", State::kActive, false, -1, 0, kRead,
                     RefreshDecision::kExpire},
        DecisionCase{"ReadStatic", State::kActive, false, 0, 0, kRead, RefreshDecision::kServe},
        DecisionCase{"ForcedFresh", State::kActive, true, 60'000, 0, kForced, RefreshDecision::kRefresh},
        DecisionCase{"ForcedStatic", State::kActive, false, 0, 0, kForced, RefreshDecision::kNotRefreshable},
        DecisionCase{"ForcedJoinsOneThatJustEnded", State::kActive, true, 60'000, 1'999, kForced,
                     RefreshDecision::kServe},
        DecisionCase{"ForcedAfterTheWindow", State::kActive, true, 60'000, 2'000, kForced,
                     RefreshDecision::kRefresh},
        DecisionCase{"ForcedJustRefreshedButDyingToken", State::kActive, true, 3'000, 500, kForced,
                     RefreshDecision::kRefresh},
        DecisionCase{
            "ForcedWithOldNews", State::kActive, true, 60'000, 0, {true, 4}, RefreshDecision::kServe},
        DecisionCase{"ForcedWithThisGeneration",
                     State::kActive,
                     true,
                     60'000,
                     0,
                     {true, 5},
                     RefreshDecision::kRefresh},
        DecisionCase{
            "ForcedWithOldNewsButExpired", State::kActive, true, -1, 0, {true, 4}, RefreshDecision::kRefresh},
        DecisionCase{"ForcedAttention", State::kAttention, true, -1, 0, kForced, RefreshDecision::kServe},
        DecisionCase{"ReadPending", State::kPending, false, 0, 0, kRead, RefreshDecision::kServe},
        DecisionCase{"ForcedRevoked", State::kRevoked, true, -1, 0, kForced, RefreshDecision::kServe}),
    [](const auto &the_case) { return std::string{the_case.param.name}; });

}  // namespace
}  // namespace nexus::control
