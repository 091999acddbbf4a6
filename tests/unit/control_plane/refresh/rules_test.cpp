// The small rules beside redemption: pauses, paces, breakers, turns, times.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control_plane/refresh/fair_pick.h"
#include "control_plane/refresh/lane_gate.h"
#include "control_plane/refresh/redemption.h"
#include "control_plane/refresh/slowness.h"
#include "shared/connection/refresh_due.h"

namespace nexus::control {
namespace {

using Use = RefreshReuse::Use;

TEST(AttemptTimes, TheDeadlineIsBeforeTheLeasesEndAndBothWithinTheGrace) {
    for (const RefreshReuse &reuse :
         {RefreshReuse{}, RefreshReuse{Use::kSingleUse, 0}, RefreshReuse{Use::kSingleUse, 1},
          RefreshReuse{Use::kSingleUse, 5}, RefreshReuse{Use::kSingleUse, 600}}) {
        const AttemptTimes times = attempt_times(reuse);
        EXPECT_LT(times.deadline_ms, times.lease_ms);
        EXPECT_GT(times.deadline_ms, 0);
        if (reuse.grace_s > 0) {
            EXPECT_LE(times.lease_ms, reuse.grace_s * 1000 / 2) << "time is left for whoever takes over";
        }
    }
}

TEST(RetryPause, DoublesToAMinuteAndObeysRetryAfter) {
    for (int64_t attempt = 1, full = 1000; attempt < 20;
         ++attempt, full = std::min<int64_t>(full * 2, 60'000)) {
        const int64_t pause = retry_pause_ms("c", attempt, 0);
        EXPECT_LE(pause, full);
        EXPECT_GE(pause, full * 3 / 4);
    }
    EXPECT_EQ(retry_pause_ms("c", 1, 30), 30'000);
    EXPECT_EQ(retry_pause_ms("c", 1, 1'000'000), 3'600'000);
}

// In no window of its length may a limit let more through than it says, whatever burst it has.
TEST(Pace, NoWindowHoldsMoreThanTheLimit) {
    for (const int64_t requests : {1, 2, 10, 500}) {
        for (const int64_t burst : {0, 1, 2, 7}) {
            for (const auto per : {RateLimit::Per::kClient, RateLimit::Per::kConnection}) {
                const RateLimit limit{requests, 10, per, std::min(burst, requests)};
                const Pace pace = pace_of(limit);
                const int64_t in_window =
                    pace.burst - 1 + (10'000'000 + pace.interval_us - 1) / pace.interval_us;
                EXPECT_LE(in_window, requests) << requests << " " << burst;
            }
        }
    }
}

TokenResponse failed(TokenOutcome outcome, std::string reason, int64_t retry_after_s = 0) {
    TokenResponse response;
    response.outcome = outcome;
    response.reason = std::move(reason);
    response.retry_after_s = retry_after_s;
    return response;
}

TEST(BlockMs, OurOwnRegistrationIsLeftAloneAtOnceOutagesAfterAFew) {
    const TokenResponse refused = failed(TokenOutcome::kConfiguration, "invalid_client");
    EXPECT_EQ(block_ms(refused, 1), 2000);
    EXPECT_EQ(block_ms(refused, 2), 4000);
    EXPECT_EQ(block_ms(refused, 20), 900'000);
    EXPECT_EQ(block_ms(failed(TokenOutcome::kConfiguration, "invalid_scope"), 9), 0)
        << "one connection's matter";
    const TokenResponse outage = failed(TokenOutcome::kOutage, "unreachable");
    EXPECT_EQ(block_ms(outage, 4), 0);
    EXPECT_EQ(block_ms(outage, 5), 1000);
    EXPECT_EQ(block_ms(outage, 50), 60'000);
    EXPECT_EQ(block_ms(failed(TokenOutcome::kThrottled, "status_429", 17), 1), 17'000);
    EXPECT_EQ(block_ms(failed(TokenOutcome::kThrottled, "status_429"), 1), 1000);
    EXPECT_EQ(block_ms(failed(TokenOutcome::kInvalidGrant, "invalid_grant"), 99), 0);
}

std::vector<store::DueRow> rows_of(const std::string &workspaces) {
    std::vector<store::DueRow> rows;
    for (size_t i = 0; i < workspaces.size(); ++i) {
        rows.push_back({std::to_string(i), workspaces.substr(i, 1), static_cast<UnixMs>(i)});
    }
    return rows;
}

std::string ids_of(const std::vector<store::DueRow> &rows) {
    std::string ids;
    for (const store::DueRow &row : rows) {
        ids += row.connection_id;
    }
    return ids;
}

TEST(PickFairly, TurnsByWorkspaceTheOldestFirst) {
    EXPECT_EQ(ids_of(pick_fairly(rows_of("aaaaaabca"), 4)), "0167");
    EXPECT_EQ(ids_of(pick_fairly(rows_of("aba"), 5)), "012");
    EXPECT_TRUE(pick_fairly({}, 5).empty());
}

TEST(Slowness, IsTheNinetyNinthPercentileOfTheLastOnes) {
    Slowness slowness;
    EXPECT_EQ(slowness.p99_ms("p"), 0);
    for (int64_t ms = 1; ms <= 1000; ++ms) {
        slowness.record("p", ms);
    }
    EXPECT_NEAR(static_cast<double>(slowness.p99_ms("p")), 999, 2);
    EXPECT_EQ(slowness.p99_ms("other"), 0);
}

TEST(RefreshDue, LeavesAMarginAndSpreads) {
    using connection::refresh_due_at;
    constexpr UnixMs kNow = 1'000'000'000;
    constexpr int64_t kHour = 3'600'000;
    EXPECT_EQ(refresh_due_at("c", kNow, 0), 0) << "a token without an end is not refreshed";
    std::set<UnixMs> times;
    for (int i = 0; i < 100; ++i) {
        const UnixMs due = refresh_due_at(std::to_string(i), kNow, kNow + kHour);
        EXPECT_LE(due, kNow + kHour - 300'000);
        EXPECT_GE(due, kNow + kHour - 600'001);
        times.insert(due);
    }
    EXPECT_GT(times.size(), 90U);
    EXPECT_EQ(refresh_due_at("c", kNow, kNow + kHour), refresh_due_at("c", kNow, kNow + kHour));
    EXPECT_LE(refresh_due_at("c", kNow, kNow + kHour, 200'000), kNow + kHour - 800'000) << "a slow provider";
    EXPECT_EQ(refresh_due_at("c", kNow, kNow), kNow + 5000) << "never in a tight loop";
    EXPECT_GE(refresh_due_at("c", kNow, kNow + 60'000), kNow + 40'000);
}

}  // namespace
}  // namespace nexus::control
