// What is due is refreshed: by time, in turns, within limits, and not while a provider is left alone.
#include "control_plane/refresh/scheduler.h"

#include <thread>

#include "tests/unit/control_plane/refresh/engine_fixture.h"

namespace nexus::control {
namespace {

using connection::State;
using test::kConnection;

class SchedulerTest : public test::EngineTest {
protected:
    /// Rounds until nothing is in flight.
    void run(RefreshEngine &engine, Scheduler &scheduler) {
        next_at_ = scheduler.run_once();
        engine.wait_idle(std::chrono::seconds(10));
    }
    UnixMs next_at_ = 0;
};

TEST_F(SchedulerTest, ATokenIsRenewedBeforeItEnds) {
    auto refresh = engine();
    Scheduler scheduler(*database_, *refresh, clock());
    run(*refresh, scheduler);
    EXPECT_EQ(calls_, 0) << "not yet";
    EXPECT_LE(next_at_, queued().due_at);
    now_ = queued().due_at;
    EXPECT_LT(now_, row().expires_at) << "while it is still good";
    run(*refresh, scheduler);
    EXPECT_EQ(calls_, 1);
    EXPECT_EQ(stored().refresh_token.view(), "r2");
    EXPECT_GT(queued().due_at, now_) << "and the next time is known";
    EXPECT_EQ(queued().lease_until, 0);
    run(*refresh, scheduler);
    EXPECT_EQ(calls_, 1);
}

TEST_F(SchedulerTest, WhatNeedsAPersonIsNotAskedForAgain) {
    status_ = 400;
    body_ = R"({"error":"invalid_grant"})";
    auto refresh = engine();
    Scheduler scheduler(*database_, *refresh, clock());
    for (int day = 0; day < 5; ++day) {
        now_ += 86'400'000;
        run(*refresh, scheduler);
    }
    EXPECT_EQ(row().state, State::kAttention);
    EXPECT_EQ(calls_, 1);
}

TEST_F(SchedulerTest, ASevenDayOutageEndsWithEverythingAsItWas) {
    status_ = 0;
    auto refresh = engine();
    Scheduler scheduler(*database_, *refresh, clock());
    const UnixMs end = now_ + 7 * 86'400'000LL;
    const std::pair<int, const char *> faults[] = {{0, ""},
                                                   {503, "<html>maintenance</html>"},
                                                   {502, ""},
                                                   {500, R"({"error":"server_error"})"},
                                                   {200, "<html>login</html>"},
                                                   {429, ""},
                                                   {404, "<html>not found</html>"},
                                                   {504, R"({"error":"invalid_grant"})"}};
    for (size_t i = 0; now_ < end; ++i, now_ += 30 * 60'000) {
        std::tie(status_, body_) = faults[i % std::size(faults)];
        failure_ = i % 2 == 0 ? Errc::kProviderUnavailable : Errc::kProviderSilent;
        run(*refresh, scheduler);
        ASSERT_EQ(row().state, State::kActive) << "after fault " << i;
    }
    EXPECT_GT(calls_, 100);
    status_ = 200;
    body_ = R"({"access_token":"a2","refresh_token":"r2","expires_in":3600})";
    now_ += 3'600'000;
    run(*refresh, scheduler);
    EXPECT_EQ(stored().refresh_token.view(), "r2");
    EXPECT_EQ(row().state, State::kActive);
}

TEST_F(SchedulerTest, ARefusedRegistrationIsOneBreakerAndNoDeadConnection) {
    status_ = 401;
    body_ = R"({"error":"invalid_client"})";
    auto refresh = engine();
    Scheduler scheduler(*database_, *refresh, clock());
    now_ = queued().due_at;
    run(*refresh, scheduler);
    EXPECT_EQ(calls_, 1);
    now_ += 1500;
    run(*refresh, scheduler);
    EXPECT_EQ(calls_, 1) << "left alone";
    now_ += 1000;
    status_ = 200;
    body_ = R"({"access_token":"a2","refresh_token":"r2","expires_in":3600})";
    run(*refresh, scheduler);
    EXPECT_EQ(calls_, 2) << "one finds out";
    EXPECT_EQ(stored().refresh_token.view(), "r2");
    EXPECT_EQ(store::lanes::get(*database_, row().provider_id)->failures, 0);
}

// As an older release may have left it: its provider was asked once in fifteen seconds from then on.
TEST_F(SchedulerTest, ABlockWithoutFailuresEndsWithTheNextAnswer) {
    const std::string provider = row().provider_id;
    ASSERT_TRUE(store::lanes::count_failure(*database_, provider, "status_429"));
    ASSERT_TRUE(database_->execute("UPDATE refresh_lanes SET blocked_until = 1, failures = 0, reason = ''"));
    auto refresh = engine();
    Scheduler scheduler(*database_, *refresh, clock());
    now_ = queued().due_at;
    run(*refresh, scheduler);
    EXPECT_EQ(calls_, 1);
    EXPECT_EQ(store::lanes::get(*database_, provider)->blocked_until, 0);
}

// What is left of a dead process's attempt is decided at once, whatever the provider's state: a strict
// provider needs no asking, and a grace does not wait.
TEST_F(SchedulerTest, OpenQuestionsDoNotWaitForALane) {
    for (const bool has_grace : {false, true}) {
        SCOPED_TRACE(has_grace);
        give_profile(has_grace ? R"({"refresh_token_use":"single_use","reuse_grace_s":5})"
                               : R"({"refresh_token_use":"single_use"})");
        const std::string provider = row().provider_id;
        ASSERT_TRUE(store::lanes::count_failure(*database_, provider, "unreachable"));
        ASSERT_TRUE(store::lanes::block(*database_, provider, now_ + 60'000));
        ASSERT_TRUE(store::refreshes::begin(*database_, row(), now_));
        const store::Refresh claimed = **store::refreshes::claim(*database_, kConnection, "dead", now_, 1000);
        ASSERT_TRUE(*store::refreshes::mark_sent(*database_, claimed, now_, 0));
        now_ += 1001;
        calls_ = 0;
        auto refresh = engine();
        Scheduler scheduler(*database_, *refresh, clock());
        run(*refresh, scheduler);
        EXPECT_EQ(calls_, has_grace ? 1 : 0);
        EXPECT_EQ(row().state, has_grace ? State::kActive : State::kAttention);
        ASSERT_TRUE(database_->execute("UPDATE connections SET state = 'active', attention_reason = ''"));
    }
}

TEST_F(SchedulerTest, RetryAfterIsObeyed) {
    status_ = 429;
    headers_ = {{"retry-after", "120"}};
    auto refresh = engine();
    Scheduler scheduler(*database_, *refresh, clock());
    now_ = queued().due_at;
    run(*refresh, scheduler);
    now_ += 119'000;
    run(*refresh, scheduler);
    EXPECT_EQ(calls_, 1);
    now_ += 2000;
    run(*refresh, scheduler);
    EXPECT_EQ(calls_, 2);
}

TEST_F(SchedulerTest, ALimitPerConnectionIsKept) {
    give_profile(R"({"rate_limits":[{"requests":2,"window_s":600,"per":"connection"}]})");
    auto refresh = engine();
    for (int i = 0; i < 50; ++i, now_ += 30'000) {
        (void)refresh->refresh(kConnection, test::kForced);
    }
    EXPECT_LE(calls_, 6) << "25 minutes, two in ten";
    EXPECT_GE(calls_, 4);
}

TEST_F(SchedulerTest, ALimitOfTheClientSpreads) {
    give_profile(R"({"rate_limits":[{"requests":10,"window_s":10}]})");
    LaneGate gate(*database_, clock(), nullptr);
    const std::vector<RateLimit> limits{{10, 10, RateLimit::Per::kClient, 0}};
    const std::string provider = row().provider_id;
    const Admission first = *gate.admit(provider, limits, 50, 0, 3000);
    ASSERT_EQ(first.slots_us.size(), 4U) << "three seconds ahead, one a second";
    EXPECT_EQ(first.slots_us[1] - first.slots_us[0], 1'000'000);
    const Admission second = *gate.admit(provider, limits, 50, 0, 3000);
    EXPECT_TRUE(second.slots_us.empty());
    EXPECT_EQ(second.reason, "rate_limited");
    EXPECT_GT(second.retry_at, now_);
    now_ += 2000;
    EXPECT_EQ(gate.admit(provider, limits, 50, 0, 3000)->slots_us.size(), 2U);
}

// Clock jumps of ten minutes: what is due by the wrong clock is refreshed once, and no more.
TEST_F(SchedulerTest, AClockThatJumpsCostsOneRefreshAtMost) {
    auto refresh = engine();
    Scheduler scheduler(*database_, *refresh, clock());
    now_ = queued().due_at;
    run(*refresh, scheduler);
    ASSERT_EQ(calls_, 1);
    now_ += 600'000;
    for (int i = 0; i < 10; ++i, now_ += 1000) {
        run(*refresh, scheduler);
    }
    now_ -= 600'000;
    for (int i = 0; i < 10; ++i, now_ += 1000) {
        run(*refresh, scheduler);
    }
    EXPECT_LE(calls_, 2);
}

}  // namespace
}  // namespace nexus::control
