// Requests whose answers are lost, late or could not be stored: what becomes of the refresh token then, by
// what the profile says of it.
#include <thread>

#include "tests/unit/control_plane/refresh/engine_fixture.h"

namespace nexus::control {
namespace {

using connection::State;
using test::kConnection;
using test::kForced;

constexpr const char *kStrict = R"({"refresh_token_use":"single_use"})";
constexpr const char *kGrace = R"({"refresh_token_use":"single_use","reuse_grace_s":5})";

class LostAnswersTest : public test::EngineTest {
protected:
    void lose_answers() {
        status_ = 0;
        failure_ = Errc::kProviderSilent;
    }
    /// A process that died between its intent and whatever came of it.
    void leave_intent() {
        const store::Refresh claimed = **store::refreshes::claim(*database_, kConnection, "dead", now_, 1000);
        EXPECT_TRUE(*store::refreshes::mark_sent(*database_, claimed, now_, 0));
        now_ += 1001;
    }
};

TEST_F(LostAnswersTest, AStrictProvidersTokenIsNeverSentTwice) {
    give_profile(kStrict);
    lose_answers();
    auto refresh = engine();
    auto got = refresh->refresh(kConnection, kForced);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->state, State::kAttention);
    EXPECT_EQ(got->attention_reason, "lost_rotation");
    EXPECT_EQ(calls_, 1);
    EXPECT_EQ(queued().due_at, 0);
    now_ += 3'600'000;
    EXPECT_TRUE(refresh->refresh(kConnection, kForced));
    EXPECT_EQ(calls_, 1) << "it is left alone from then on";
}

TEST_F(LostAnswersTest, WithinTheGraceItIsSentAgain) {
    give_profile(kGrace);
    lose_answers();
    on_call_ = [this] {
        if (calls_ == 2) {
            status_ = 200;
        }
    };
    auto got = engine()->refresh(kConnection, kForced);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->state, State::kActive);
    EXPECT_EQ(calls_, 2);
    EXPECT_EQ(stored().refresh_token.view(), "r2");
    EXPECT_EQ(queued().sent_at, 0);
}

TEST_F(LostAnswersTest, AfterTheGraceItIsNot) {
    give_profile(kGrace);
    leave_intent();
    now_ += 5000;
    auto got = engine()->refresh(kConnection, kForced);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->attention_reason, "lost_rotation");
    EXPECT_EQ(calls_, 0);
}

TEST_F(LostAnswersTest, ADeadProcesssIntentCounts) {
    give_profile(kStrict);
    leave_intent();
    auto got = engine()->refresh(kConnection, kForced);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->attention_reason, "lost_rotation");
    EXPECT_EQ(calls_, 0);
}

TEST_F(LostAnswersTest, ADeadProcesssLeaseWithoutAnIntentDoesNot) {
    give_profile(kStrict);
    ASSERT_TRUE(*store::refreshes::claim(*database_, kConnection, "dead", now_, 1000));
    now_ += 1001;
    ASSERT_TRUE(engine()->refresh(kConnection, kForced));
    EXPECT_EQ(stored().refresh_token.view(), "r2");
}

TEST_F(LostAnswersTest, WhereNothingIsKnownOfTheProviderItIsAskedAgain) {
    lose_answers();
    auto refresh = engine();
    EXPECT_EQ(refresh->refresh(kConnection, kForced).error().errc, Errc::kTokenUnavailable);
    EXPECT_EQ(row().state, State::kActive);
    EXPECT_NE(queued().sent_at, 0);
    now_ += 2000;
    status_ = 200;
    ASSERT_TRUE(refresh->refresh(kConnection, kForced));
    EXPECT_EQ(stored().refresh_token.view(), "r2");
}

TEST_F(LostAnswersTest, ARefusalAfterALostAnswerIsALostRotation) {
    lose_answers();
    auto refresh = engine();
    EXPECT_FALSE(refresh->refresh(kConnection, kForced));
    now_ += 2000;
    status_ = 400;
    body_ = R"({"error":"invalid_grant"})";
    auto got = refresh->refresh(kConnection, kForced);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->attention_reason, "lost_rotation");
}

TEST_F(LostAnswersTest, WhatWasCertainlyNotSentIsNoLoss) {
    give_profile(kStrict);
    status_ = 0;
    failure_ = Errc::kProviderUnavailable;
    EXPECT_FALSE(engine()->refresh(kConnection, kForced));
    EXPECT_EQ(row().state, State::kActive);
    EXPECT_EQ(queued().sent_at, 0);
}

// The process was stopped with the answer in its hands; meanwhile another gave the connection up.
TEST_F(LostAnswersTest, ALateAnswerHealsWhatWasGivenUp) {
    give_profile(kStrict);
    auto other = engine();
    auto slow = engine();
    on_call_ = [&] {
        on_call_ = nullptr;
        now_ += 60'000;
        auto got = other->refresh(kConnection, kForced);
        ASSERT_TRUE(got);
        EXPECT_EQ(got->attention_reason, "lost_rotation");
    };
    auto got = slow->refresh(kConnection, kForced);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->state, State::kActive);
    EXPECT_EQ(row().attention_reason, "");
    EXPECT_EQ(stored().refresh_token.view(), "r2");
    EXPECT_EQ(calls_, 1);
}

TEST_F(LostAnswersTest, ANewGrantIsNotReplacedByALateAnswer) {
    on_call_ = [this] {
        put_tokens("a9", "r9", 2);
        store::ConnectionChange again;
        again.state = State::kActive;
        EXPECT_TRUE(database_->transact([&](store::Transaction &sql) {
            return store::change_connection(sql, kConnection, 2, again, {}, now_);
        }));
    };
    auto got = engine()->refresh(kConnection, kForced);
    ASSERT_TRUE(got);
    EXPECT_EQ(stored().refresh_token.view(), "r9");
}

TEST_F(LostAnswersTest, TheJournalOutlivesItsProcess) {
    give_profile(kStrict);
    {
        auto dying = engine();
        on_call_ = [this] { database_->away = true; };
        EXPECT_EQ(dying->refresh(kConnection, kForced).error().errc, Errc::kStoreUnavailable);
    }
    database_->away = false;
    on_call_ = nullptr;
    now_ += 60'000;
    auto next = engine();
    EXPECT_EQ(next->journal().adopt(), 1U);
    auto got = next->refresh(kConnection, kForced);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->state, State::kActive);
    EXPECT_EQ(stored().refresh_token.view(), "r2");
    EXPECT_EQ(calls_, 1);
    EXPECT_EQ(next->journal().size(), 0U);
}

}  // namespace
}  // namespace nexus::control
