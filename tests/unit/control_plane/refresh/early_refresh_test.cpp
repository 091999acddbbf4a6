// When a token may be renewed ahead of its end, as a table.
#include "control_plane/refresh/early_refresh.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

using connection::State;

constexpr UnixMs kNow = 1'800'000'000'000;

struct EarlyCase {
    const char *name;
    bool is_due = false;
    UnixMs left_ms = 59'999;            // until expiry; 0 = does not expire
    UnixMs refreshed_ms_ago = 600'000;  // 0 = never
    UnixMs changed_ms_ago = 600'000;    // when it was connected, for one
    bool refreshable = true;
    State state = State::kActive;
    UnixMs within_ms = 60'000;
};

class EarlyRefreshTest : public testing::TestWithParam<EarlyCase> {};

TEST_P(EarlyRefreshTest, Decides) {
    const EarlyCase &the_case = GetParam();
    store::Connection connection;
    connection.state = the_case.state;
    connection.refreshable = the_case.refreshable;
    connection.expires_at = the_case.left_ms == 0 ? 0 : kNow + the_case.left_ms;
    connection.last_refreshed_at = the_case.refreshed_ms_ago == 0 ? 0 : kNow - the_case.refreshed_ms_ago;
    connection.updated_at = kNow - the_case.changed_ms_ago;
    EXPECT_EQ(is_due_early(connection, the_case.within_ms, kNow), the_case.is_due);
}

INSTANTIATE_TEST_SUITE_P(
    Table, EarlyRefreshTest,
    testing::Values(EarlyCase{"Due", true}, EarlyCase{"NotYet", false, 60'000},
                    EarlyCase{"InTheFirstHalfOfItsLife", false, 40'000, 30'000},
                    EarlyCase{"InTheSecondHalfOfItsLife", true, 30'000, 30'002},
                    EarlyCase{"RightAfterARefresh", false, 4'000, 4'999},
                    EarlyCase{"NeverRefreshedYet", true, 59'999, 0},
                    EarlyCase{"JustConnected", false, 6'000, 0, 1'000},
                    EarlyCase{"ConnectedAnewSinceItsRefresh", false, 40'000, 600'000, 30'000},
                    EarlyCase{"DoesNotExpire", false, 0},
                    EarlyCase{"WithoutRefreshToken", false, 10'000, 600'000, 600'000, false},
                    EarlyCase{"InAttention", false, 10'000, 600'000, 600'000, true, State::kAttention},
                    EarlyCase{"NotAskedFor", false, 10'000, 600'000, 600'000, true, State::kActive, 0}),
    [](const auto &each) { return std::string{each.param.name}; });

}  // namespace
}  // namespace nexus::control
