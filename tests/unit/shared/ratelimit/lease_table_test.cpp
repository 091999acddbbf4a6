#include "shared/ratelimit/lease_table.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace nexus::ratelimit {
namespace {

using Outcome = LeaseSlot::Outcome;

constexpr Micros kNow = 1'000'000 * kSecond;
constexpr Micros kLater = kNow + kSecond;
constexpr uint64_t kTag = 0x123456789abcdef0;

struct Leases : testing::Test {
    Leases() : memory(LeaseTable::kWays), table(memory), slot(*table.find_or_claim(kTag, kNow)) {}
    std::vector<LeaseSlot> memory;
    LeaseTable table;
    LeaseSlot &slot;
};

TEST_F(Leases, NothingIsKnownOfANewKey) {
    EXPECT_EQ(table.find(kTag), &slot);
    EXPECT_EQ(table.find(kTag + 1), nullptr);
    EXPECT_EQ(slot.take(kTag, 1, kNow).outcome, Outcome::kUnknown);
}

TEST_F(Leases, UnitsAreSpentAndEnd) {
    slot.put(kTag, 3, kLater, false, kNow);
    EXPECT_EQ(slot.take(kTag, 2, kNow).units, 1);
    EXPECT_EQ(slot.take(kTag, 2, kNow).outcome, Outcome::kUnknown) << "too few: ask";
    EXPECT_EQ(slot.take(kTag, 1, kNow).outcome, Outcome::kTaken);
    EXPECT_EQ(slot.take(kTag, 1, kNow).outcome, Outcome::kUnknown);
    slot.put(kTag, 3, kLater, false, kNow);
    EXPECT_EQ(slot.take(kTag, 1, kLater).outcome, Outcome::kUnknown) << "their time is over";
}

TEST_F(Leases, UnitsAddUpWhileTheyLast) {
    slot.put(kTag, 3, kLater, false, kNow);
    slot.put(kTag, 4, kLater, false, kNow);
    EXPECT_EQ(slot.units(kTag, kNow), 7);
    slot.put(kTag, 5, kLater + kSecond, false, kLater);
    EXPECT_EQ(slot.units(kTag, kLater), 5);
}

TEST_F(Leases, WhoIsOverIsToldUntilWhen) {
    slot.put(kTag, 1, kLater, true, kNow);
    EXPECT_EQ(slot.take(kTag, 1, kNow).outcome, Outcome::kTaken) << "the last one";
    const LeaseSlot::Take over = slot.take(kTag, 1, kNow);
    EXPECT_EQ(over.outcome, Outcome::kOver);
    EXPECT_EQ(over.until, kLater);
    EXPECT_EQ(slot.take(kTag, 1, kLater).outcome, Outcome::kUnknown);
}

TEST_F(Leases, NewsNeverEndEarly) {
    slot.put(kTag, 0, kNow + 1, true, kNow);
    EXPECT_EQ(slot.take(kTag, 1, kNow + 1).outcome, Outcome::kOver) << "a millisecond is the least";
}

TEST_F(Leases, WhatCostsNothingHasToFit) {
    EXPECT_EQ(slot.take(kTag, 0, kNow).outcome, Outcome::kUnknown);
    slot.put(kTag, 1, kLater, true, kNow);
    EXPECT_EQ(slot.take(kTag, 0, kNow).units, 1);
    EXPECT_EQ(slot.take(kTag, 1, kNow).outcome, Outcome::kTaken);
    EXPECT_EQ(slot.take(kTag, 0, kNow).outcome, Outcome::kOver);
}

TEST_F(Leases, OnlyWhatHasEndedIsWithdrawn) {
    slot.put(kTag, 3, kLater, false, kNow);
    EXPECT_EQ(slot.withdraw(kTag, kNow), 0);
    EXPECT_EQ(slot.withdraw(kTag, kLater), 3);
    EXPECT_EQ(slot.withdraw(kTag, kLater), 0);
}

TEST_F(Leases, WhatIsGivenBackIsThereAgain) {
    slot.put(kTag, 2, kLater, true, kNow);
    slot.take(kTag, 2, kNow);
    slot.give_back(kTag, 2, kNow);
    EXPECT_EQ(slot.take(kTag, 2, kNow).outcome, Outcome::kTaken);
    slot.give_back(kTag, 2, kLater);
    EXPECT_EQ(slot.units(kTag, kLater), 0) << "too late";
}

TEST_F(Leases, OneAsksForAll) {
    EXPECT_TRUE(slot.begin_to_ask(kNow, kLater));
    EXPECT_FALSE(slot.begin_to_ask(kNow, kLater));
    EXPECT_TRUE(slot.begin_to_ask(kLater, kLater + kSecond)) << "whoever asked has gone";
    slot.end_to_ask();
    EXPECT_TRUE(slot.begin_to_ask(kLater, kLater + kSecond));
}

TEST_F(Leases, AskForMoreAsMoreCome) {
    const LeaseTerms terms = LeaseTerms::of(make_limit(1000, kSecond, 1000), kSecond / 10);
    EXPECT_EQ(terms.max_units, 100);
    EXPECT_EQ(slot.expected(terms, kNow), 0) << "one request is no demand";
    slot.note_demand(2);
    EXPECT_EQ(slot.expected(terms, kNow + 1000), 8);
    slot.note_demand(98);
    EXPECT_EQ(slot.expected(terms, kNow + 50'000), 100);
    EXPECT_EQ(slot.expected(terms, kNow + 100 * kSecond), 0) << "long ago";
    for (int i = 1; i <= 100; ++i) {  // 20 in a period
        slot.note_demand(1);
        slot.expected(terms, kNow + 100 * kSecond + i * 5'000);
    }
    EXPECT_NEAR(static_cast<double>(slot.expected(terms, kNow + 100 * kSecond + 500'000)), 40, 4);
}

TEST(LeaseTerms, NeverMoreThanTheBurst) {
    EXPECT_EQ(LeaseTerms::of(make_limit(1000, kSecond, 20), kSecond / 10).max_units, 20);
    EXPECT_EQ(LeaseTerms::of(make_limit(1000, kSecond, 0), kSecond / 10).max_units, 1);
    EXPECT_EQ(LeaseTerms::of(make_limit(10, 60 * kSecond, 9), kSecond / 10).max_units, 1);
    EXPECT_EQ(LeaseTerms::of(make_limit(1000, kSecond, 19), kSecond / 10).pause, 10'000)
        << "what comes back in the meantime must fit the burst";
}

TEST_F(Leases, ANewKeyTakesTheSlotThatEndsFirst) {
    for (uint64_t i = 1; i < LeaseTable::kWays; ++i) {
        table.find_or_claim(kTag + i, kNow)
            ->put(kTag + i, 5, kLater + static_cast<Micros>(i) * kSecond, false, kNow);
    }
    slot.put(kTag, 5, kLater, false, kNow);
    LeaseSlot *taken = table.find_or_claim(kTag + 100, kNow);
    EXPECT_EQ(taken, &slot);
    EXPECT_EQ(table.find(kTag), nullptr);
    EXPECT_EQ(taken->take(kTag + 100, 1, kNow).outcome, Outcome::kUnknown)
        << "it has none of the other's units";
}

TEST_F(Leases, NoUnitIsSpentTwice) {
    constexpr int64_t kUnits = 60'000;
    slot.put(kTag, kUnits, kLater, true, kNow);
    std::atomic<int64_t> taken = 0;
    std::vector<std::thread> spenders;
    for (int i = 0; i < 4; ++i) {
        spenders.emplace_back([&] {
            while (slot.take(kTag, 1, kNow).outcome == Outcome::kTaken) {
                ++taken;
            }
        });
    }
    for (std::thread &spender : spenders) {
        spender.join();
    }
    EXPECT_EQ(taken, kUnits);
}

}  // namespace
}  // namespace nexus::ratelimit
