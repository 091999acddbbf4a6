// The refresh queue, lanes and group commits, on both databases.
#include <latch>
#include <thread>

#include "control_plane/store/audit_repository.h"
#include "control_plane/store/group_commit.h"
#include "control_plane/store/refresh_lanes.h"
#include "control_plane/store/refresh_repository.h"
#include "control_plane/store/transition.h"
#include "tests/unit/control_plane/store/fixture.h"

namespace nexus::control::store {
namespace {

using connection::State;

class RefreshesTest : public StoreTest {
protected:
    /// Active and refreshable, in the queue.
    Connection add_active(UnixMs expires_at = 3'600'000, const std::string &workspace = "ws") {
        const Connection made = add_connection(workspace);
        ConnectionChange change;
        change.state = State::kActive;
        change.refreshable = true;
        change.expires_at = expires_at;
        return *database_->transact([&](Transaction &sql) {
            return change_connection(sql, made.id, made.generation, change, {}, 1000);
        });
    }
    Refresh row(const Connection &connection) { return *refreshes::get(*database_, connection.id); }
    std::optional<Refresh> claim(const Connection &connection, UnixMs now) {
        return *refreshes::claim(*database_, connection.id, "me", now, 500);
    }
};

TEST_P(RefreshesTest, WhatBecomesActiveIsQueuedAndWhatStopsIsNot) {
    const Connection active = add_active();
    EXPECT_GT(row(active).due_at, 1000);
    EXPECT_LT(row(active).due_at, 3'600'000);
    ConnectionChange stop;
    stop.state = State::kAttention;
    ASSERT_TRUE(database_->transact([&](Transaction &sql) {
        return change_connection(sql, active.id, active.generation, stop, {}, 2000);
    }));
    EXPECT_EQ(row(active).due_at, 0);
    EXPECT_EQ(refreshes::get(*database_, add_connection("other").id).error().errc, Errc::kNoRefreshToken);
}

TEST_P(RefreshesTest, OneHoldsTheLeaseAndEpochsGrow) {
    const Connection active = add_active();
    const std::optional<Refresh> first = claim(active, 10000);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->lease_until, 10500);
    EXPECT_EQ(first->due_at, 10500) << "whoever finds it then takes over";
    EXPECT_EQ(claim(active, 10499), std::nullopt);
    const std::optional<Refresh> second = claim(active, 10500);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->epoch, first->epoch + 1);
}

TEST_P(RefreshesTest, AnIntentIsWrittenUnderTheLeaseOnly) {
    const Connection active = add_active();
    const Refresh first = *claim(active, 10000);
    EXPECT_FALSE(*refreshes::mark_sent(*database_, first, 10500, 0)) << "the lease is over";
    EXPECT_TRUE(*refreshes::mark_sent(*database_, first, 10100, 7));
    EXPECT_EQ(row(active).sent_at, 10100);
    EXPECT_EQ(row(active).rate_at, 7);
    const Refresh second = *claim(active, 10500);
    EXPECT_FALSE(*refreshes::mark_sent(*database_, first, 10400, 0)) << "another holds it";
    EXPECT_TRUE(*refreshes::mark_sent(*database_, second, 10600, 0));
    EXPECT_EQ(row(active).sent_at, 10100) << "the oldest open question stands";
}

TEST_P(RefreshesTest, RenewingForgetsWhatWasOpenAndSparesANewerLease) {
    const Connection active = add_active();
    Refresh first = *claim(active, 10000);
    ASSERT_TRUE(*refreshes::mark_sent(*database_, first, 10100, 0));
    const Refresh second = *claim(active, 10500);
    first.token_epoch = first.epoch;
    first.due_at = first.wanted_at = 77000;
    ASSERT_TRUE(database_->transact([&](Transaction &sql) { return refreshes::renew(sql, first); }));
    const Refresh now = row(active);
    EXPECT_EQ(now.sent_at, 0);
    EXPECT_EQ(now.token_epoch, first.epoch);
    EXPECT_EQ(now.lease_until, second.lease_until);
    EXPECT_EQ(now.due_at, second.due_at);
    EXPECT_EQ(now.wanted_at, 77000);
}

TEST_P(RefreshesTest, GivingBackIsTheHoldersOnly) {
    const Connection active = add_active();
    Refresh first = *claim(active, 10000);
    const Refresh second = *claim(active, 10500);
    first.due_at = 5;
    ASSERT_TRUE(refreshes::give_back(*database_, first));
    EXPECT_EQ(row(active).lease_until, second.lease_until);
    Refresh back = second;
    back.due_at = 12000;
    back.attempts = 3;
    back.sent_at = 10600;
    back.reason = "status_503";
    ASSERT_TRUE(refreshes::give_back(*database_, back));
    EXPECT_EQ(row(active).lease_until, 0);
    EXPECT_EQ(row(active).due_at, 12000);
    EXPECT_EQ(row(active).attempts, 3);
    EXPECT_EQ(row(active).sent_at, 10600);
    EXPECT_EQ(row(active).reason, "status_503");
}

TEST_P(RefreshesTest, ANewGrantSupersedesWhatIsInFlight) {
    const Connection active = add_active();
    const Refresh old = *claim(active, 10000);
    ASSERT_TRUE(refreshes::begin(*database_, active, 99000));
    EXPECT_GT(row(active).token_epoch, old.epoch);
    EXPECT_EQ(row(active).lease_until, 0);
    EXPECT_FALSE(*refreshes::mark_sent(*database_, old, 10100, 0));
}

TEST_P(RefreshesTest, SoDoesOneThatCannotBeRefreshed) {
    const Connection active = add_active();
    const Refresh old = *claim(active, 10000);
    ASSERT_TRUE(database_->transact([&](Transaction &sql) {
        ConnectionChange granted;
        granted.state = connection::State::kActive;
        granted.refreshable = false;
        return change_connection(sql, active.id, active.generation, granted, {}, 10100);
    }));
    EXPECT_GT(row(active).token_epoch, old.epoch);
    EXPECT_EQ(row(active).lease_until, 0);
    EXPECT_EQ(row(active).due_at, 0);
    EXPECT_FALSE(*refreshes::mark_sent(*database_, old, 10100, 0));
}

TEST_P(RefreshesTest, DueRowsAreClaimedOnceByWhoeverIsFirst) {
    std::vector<std::string> ids;
    for (int i = 0; i < 5; ++i) {
        const Connection active = add_active(3'600'000, "ws" + std::to_string(i));
        ASSERT_TRUE(refreshes::begin(*database_, active, 5000 + i));
        ids.push_back(active.id);
        EXPECT_EQ(refreshes::due_rows(*database_, active.provider_id, 1, 5002, 10)->size(), i <= 2 ? 1U : 0U);
    }
    EXPECT_EQ(refreshes::claim_due(*database_, ids, "a", 5002, 500)->size(), 3U);
    EXPECT_TRUE(refreshes::claim_due(*database_, ids, "b", 5002, 500)->empty());
    EXPECT_TRUE(refreshes::claim_due(*database_, {}, "b", 5002, 500)->empty());
}

TEST_P(RefreshesTest, ProvidersWithRowsAreFoundWithTheirFirst) {
    EXPECT_TRUE(refreshes::due_providers(*database_)->empty());
    const Connection active = add_active();
    ASSERT_TRUE(refreshes::begin(*database_, active, 7000));
    const std::vector<DueProvider> found = *refreshes::due_providers(*database_);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].provider_id, active.provider_id);
    EXPECT_EQ(found[0].due_at, 7000);
    EXPECT_TRUE(refreshes::due_rows(*database_, active.provider_id, 7001, 9000, 10)->empty());
    EXPECT_EQ(refreshes::due_rows(*database_, active.provider_id, 7000, 9000, 10)->size(), 1U);
    ASSERT_TRUE(refreshes::rest(*database_, active.id));
    EXPECT_TRUE(refreshes::due_providers(*database_)->empty());
}

TEST_P(RefreshesTest, LanesCountBlockAndLetOneProbe) {
    EXPECT_EQ(lanes::get(*database_, "p")->failures, 0);
    EXPECT_EQ(*lanes::count_failure(*database_, "p", "invalid_client"), 1);
    EXPECT_EQ(*lanes::count_failure(*database_, "p", "invalid_client"), 2);
    ASSERT_TRUE(lanes::block(*database_, "p", 5000));
    ASSERT_TRUE(lanes::block(*database_, "p", 4000));
    EXPECT_EQ(lanes::get(*database_, "p")->blocked_until, 5000) << "the longer one stands";
    EXPECT_TRUE(*lanes::probe(*database_, "p", 5000, 6000));
    EXPECT_FALSE(*lanes::probe(*database_, "p", 5000, 6000));
    ASSERT_TRUE(lanes::clear(*database_, "p"));
    EXPECT_EQ(lanes::get(*database_, "p")->blocked_until, 0);
}

// One request fails, another one's answer clears the lane, and only then the first one's block is written.
TEST_P(RefreshesTest, ABlockThatComesBehindTheAllClearIsNone) {
    EXPECT_EQ(*lanes::count_failure(*database_, "p", "status_429"), 1);
    ASSERT_TRUE(lanes::clear(*database_, "p"));
    ASSERT_TRUE(lanes::block(*database_, "p", 5000));
    EXPECT_EQ(lanes::get(*database_, "p")->blocked_until, 0);
}

TEST_P(RefreshesTest, AnAllClearLiftsABlockOfAnOlderReleaseThatHasNoFailures) {
    EXPECT_EQ(*lanes::count_failure(*database_, "p", "status_429"), 1);
    ASSERT_TRUE(database_->execute("UPDATE refresh_lanes SET blocked_until = 5000, failures = 0"));
    ASSERT_TRUE(lanes::clear(*database_, "p"));
    EXPECT_EQ(lanes::get(*database_, "p")->blocked_until, 0);
}

TEST_P(RefreshesTest, SlotsOfALimitAreGivenOnce) {
    EXPECT_EQ(*lanes::reserve(*database_, "p", 1, 1000, 3, 10), 1000);
    EXPECT_EQ(*lanes::reserve(*database_, "p", 1, 1000, 1, 10), 1030);
    EXPECT_EQ(*lanes::reserve(*database_, "p", 2, 1000, 1, 10), 1000) << "another limit";
    EXPECT_EQ(*lanes::reserve(*database_, "p", 1, 9000, 1, 10), 9000) << "what was not used is gone";
}

TEST_P(RefreshesTest, AGroupCommitsTogetherAndOneRefusalCostsNobodyElse) {
    std::latch ended(3);
    std::vector<Result<void>> results(3, Result<void>{});
    {
        GroupCommit commits(*database_);
        for (size_t i = 0; i < 3; ++i) {
            commits.submit(
                [i](Transaction &sql, std::vector<audit_log::Pending> &events) -> Result<void> {
                    audit::Event event;
                    event.type = "t" + std::to_string(i);
                    events.push_back({std::move(event), 1000});
                    Result<int64_t> counted = lanes::count_failure(sql, "lane" + std::to_string(i), "r");
                    return i == 1 ? fail(Errc::kConflict, "no") : Result<void>{};
                },
                [&, i](const Result<void> &done) {
                    results[i] = done;
                    ended.count_down();
                });
        }
        ended.wait();
    }
    EXPECT_TRUE(results[0]);
    EXPECT_EQ(results[1].error().errc, Errc::kConflict);
    EXPECT_TRUE(results[2]);
    EXPECT_EQ(lanes::get(*database_, "lane0")->failures, 1);
    EXPECT_EQ(lanes::get(*database_, "lane1")->failures, 0);
    EXPECT_EQ(audit_log::list(*database_, {}, 10)->size(), 2U);
}

NEXUS_ON_BOTH_DATABASES(RefreshesTest);

}  // namespace
}  // namespace nexus::control::store
