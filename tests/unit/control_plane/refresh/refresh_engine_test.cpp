// Refreshing on demand: a real row in a real (SQLite) database against a scripted provider.
#include <latch>
#include <thread>

#include "tests/unit/control_plane/refresh/engine_fixture.h"

namespace nexus::control {
namespace {

using connection::State;
using test::kConnection;
using test::kForced;
using RefreshEngineTest = test::EngineTest;

TEST_F(RefreshEngineTest, StoresWhatTheProviderGave) {
    auto got = engine()->refresh(kConnection, kForced);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->generation, 3);
    EXPECT_EQ(got->expires_at, now_ + 3'600'000);
    EXPECT_EQ(seen_refresh_token_, "r1");
    EXPECT_EQ(stored().find("access_token")->view(), "a2");
    EXPECT_EQ(stored().refresh_token.view(), "r2");
    EXPECT_EQ(queued().lease_until, 0) << "the lease is given back";
}

TEST_F(RefreshEngineTest, ASlowRedisIsNotWaitedFor) {
    std::latch release{1};
    std::latch written{1};
    on_cache_write_ = [&] {
        release.wait();
        written.count_down();
    };
    ASSERT_TRUE(database_->execute("DELETE FROM cache_outbox"));  // the new connection's
    drainer_->start();
    RefreshOptions options;
    options.join_wait = std::chrono::seconds{2};
    const auto refresh = engine(options);
    EXPECT_TRUE(refresh->refresh(kConnection, kForced));
    EXPECT_EQ(*store::outbox::depth(*database_), 1);
    release.count_down();
    written.wait();
    drainer_->stop();
    EXPECT_EQ(*store::outbox::depth(*database_), 0);
}

TEST_F(RefreshEngineTest, AnAbsentRefreshTokenKeepsTheOld) {
    body_ = R"({"access_token":"a2","expires_in":3600})";
    ASSERT_TRUE(engine()->refresh(kConnection, kForced));
    EXPECT_EQ(stored().refresh_token.view(), "r1");
}

TEST_F(RefreshEngineTest, AMachinesConnectionAsksAgain) {
    give_profile(R"({"grant":"client_credentials"})");
    put_tokens("a1", "", 2);
    body_ = R"({"access_token":"a2","expires_in":3600})";
    auto got = engine()->refresh(kConnection, kForced);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(seen_grant_type_, "client_credentials");
    EXPECT_EQ(seen_refresh_token_, "");
    EXPECT_EQ(stored().find("access_token")->view(), "a2");
    EXPECT_TRUE(row().refreshable);
}

TEST_F(RefreshEngineTest, KeptFieldsAndVariablesFollowTheAnswer) {
    give_profile(R"({"keep_response_fields":["plan"],
                     "variables":{"base":{"pattern":"https://[a-z]+\\.example","from":"response"}}})");
    body_ = R"({"access_token":"a2","plan":"gold","base":"https://eu.example"})";
    ASSERT_TRUE(engine()->refresh(kConnection, kForced));
    EXPECT_EQ(row().metadata, R"({"plan":"gold"})");
    EXPECT_EQ(row().variables, R"({"base":"https://eu.example"})");
    now_ += 10'000;
    body_ = R"({"access_token":"a3","base":"https://evil.com"})";
    ASSERT_TRUE(engine()->refresh(kConnection, kForced)) << "the token is good, and it is stored";
    EXPECT_EQ(stored().find("access_token")->view(), "a3");
    EXPECT_EQ(row().variables, R"({"base":"https://eu.example"})") << "a foreign value changes nothing";
}

TEST_F(RefreshEngineTest, AReadOfAFreshTokenAsksNobody) {
    ASSERT_TRUE(engine()->refresh(kConnection, RefreshWish{}));
    EXPECT_EQ(calls_, 0);
}

TEST_F(RefreshEngineTest, ADeadGrantNeedsAPerson) {
    status_ = 400;
    body_ = R"({"error":"invalid_grant"})";
    auto got = engine()->refresh(kConnection, kForced);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->state, State::kAttention);
    EXPECT_EQ(got->attention_reason, "invalid_grant");
}

// Somebody else (another process whose lease ran out, an import) renewed the refresh token while ours was
// refused.
TEST_F(RefreshEngineTest, InvalidGrantOfAnOldRefreshTokenDoesNotCount) {
    status_ = 400;
    body_ = R"({"error":"invalid_grant"})";
    on_call_ = [this] {
        put_tokens("a9", "r9", 2);
        EXPECT_TRUE(store::refreshes::begin(*database_, row(), 0));
    };
    auto got = engine()->refresh(kConnection, kForced);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->state, State::kActive);
    EXPECT_EQ(stored().refresh_token.view(), "r9");
    EXPECT_EQ(queued().lease_until, 0);
}

class PassingFailureTest : public RefreshEngineTest, public testing::WithParamInterface<int> {};

TEST_P(PassingFailureTest, ChangesNothing) {
    status_ = GetParam();
    headers_ = {{"retry-after", "30"}};
    body_ = R"({"error":"invalid_grant"})";
    auto refresh = engine();
    auto got = refresh->refresh(kConnection, kForced);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().errc, Errc::kTokenUnavailable);
    EXPECT_EQ(got.error().retry_after_s, GetParam() == 0 ? 1 : 30);
    EXPECT_EQ(row().state, State::kActive);
    EXPECT_EQ(row().generation, 2);
    EXPECT_EQ(queued().lease_until, 0);
    EXPECT_FALSE(refresh->refresh(kConnection, kForced));
    EXPECT_EQ(calls_, 1) << "the provider is left alone for as long as it asked";
    now_ += 30'000;
    status_ = 200;
    body_ = R"({"access_token":"a2"})";
    EXPECT_TRUE(refresh->refresh(kConnection, kForced));
}

INSTANTIATE_TEST_SUITE_P(Statuses, PassingFailureTest, testing::Values(0, 408, 429, 500, 502, 503));

TEST_F(RefreshEngineTest, ARefusedConfigurationChangesNothing) {
    status_ = 401;
    body_ = R"({"error":"invalid_client","error_description":"canary"})";
    auto got = engine()->refresh(kConnection, kForced);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().errc, Errc::kProviderError);
    EXPECT_EQ(got.error().detail, "invalid_client");
    EXPECT_EQ(row().state, State::kActive);
}

TEST_F(RefreshEngineTest, RevokedMeanwhileStaysRevoked) {
    on_call_ = [this] {
        store::ConnectionChange change;
        change.state = State::kRevoked;
        EXPECT_TRUE(database_->transact([&](store::Transaction &sql) {
            return store::connections::change(sql, kConnection, 2, change, now_);
        }));
    };
    auto got = engine()->refresh(kConnection, kForced);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->state, State::kRevoked);
    EXPECT_EQ(stored().find("access_token")->view(), "a1") << "the new token was not stored";
}

TEST_F(RefreshEngineTest, ExpiredWithoutARefreshTokenIsTheEnd) {
    store::ConnectionChange change;
    change.refreshable = false;
    ASSERT_TRUE(database_->transact([&](store::Transaction &sql) {
        return store::connections::change(sql, kConnection, 2, change, now_);
    }));
    EXPECT_EQ(engine()->refresh(kConnection, kForced).error().errc, Errc::kNoRefreshToken);
    now_ += 60'000;
    EXPECT_EQ(engine()->refresh(kConnection, RefreshWish{})->state, State::kExpired);
}

// Two Refreshers are two processes: they share the database only.
TEST_F(RefreshEngineTest, TwoProcessesAskTheProviderOnce) {
    auto one = engine();
    auto two = engine();
    std::latch asked(1);
    std::latch other_waits(1);
    on_call_ = [&] {
        asked.count_down();
        other_waits.wait();
    };
    std::thread first([&] { EXPECT_EQ(one->refresh(kConnection, kForced)->generation, 3); });
    asked.wait();
    std::thread second([&] { EXPECT_EQ(two->refresh(kConnection, kForced)->generation, 3); });
    std::this_thread::sleep_for(
        std::chrono::milliseconds{100});  // the second finds the lease taken, or the new row
    other_waits.count_down();
    first.join();
    second.join();
    EXPECT_EQ(calls_, 1);
}

TEST_F(RefreshEngineTest, EightCallersOneCallEightEqualAnswers) {
    auto refresh = engine();
    std::atomic<int> equal = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] { equal += refresh->refresh(kConnection, kForced)->generation == 3; });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(calls_, 1);
    EXPECT_EQ(equal, 8);
}

// The provider has rotated, the database is away: the only copy of the new refresh token must not be lost.
TEST_F(RefreshEngineTest, WhatCouldNotBeStoredIsStoredLater) {
    auto refresh = engine();
    on_call_ = [this] { database_->away = true; };
    auto got = refresh->refresh(kConnection, kForced);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().errc, Errc::kStoreUnavailable);
    EXPECT_EQ(stored().refresh_token.view(), "r1");

    database_->away = false;
    now_ += 20'001;  // the lease, which could not be given back, runs out
    got = refresh->refresh(kConnection, kForced);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(calls_, 1) << "r1 is dead at the provider and was not sent again";
    EXPECT_EQ(stored().find("access_token")->view(), "a2");
    EXPECT_EQ(stored().refresh_token.view(), "r2");
}

TEST_F(RefreshEngineTest, KeptTokensThatDiedMeanwhileAreRefreshed) {
    auto refresh = engine();
    on_call_ = [this] { database_->away = true; };
    ASSERT_FALSE(refresh->refresh(kConnection, kForced));
    database_->away = false;
    on_call_ = nullptr;
    body_ = R"({"access_token":"a3","refresh_token":"r3","expires_in":3600})";
    now_ += 7'200'000;
    auto got = refresh->refresh(kConnection, RefreshWish{});
    ASSERT_TRUE(got);
    EXPECT_EQ(seen_refresh_token_, "r2");
    EXPECT_EQ(stored().find("access_token")->view(), "a3");
}

TEST_F(RefreshEngineTest, ADeadProcesssLeaseRunsOut) {
    ASSERT_TRUE(*store::refreshes::claim(*database_, kConnection, "dead", now_, 20'000));
    now_ += 20'001;
    EXPECT_TRUE(engine()->refresh(kConnection, kForced));
}

}  // namespace
}  // namespace nexus::control
