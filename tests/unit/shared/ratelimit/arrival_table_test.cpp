#include "shared/ratelimit/arrival_table.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "shared/crypto/siphash.h"

namespace nexus::ratelimit {
namespace {

constexpr Micros kNow = 1'000'000 * kSecond;

uint64_t hash(size_t number) {
    return crypto::siphash({1, 2}, {reinterpret_cast<const char *>(&number), sizeof number});
}

/// A table and its memory.
struct Table {
    explicit Table(size_t sets) : memory(sets), table(memory) {}
    std::vector<ArrivalTable::Set> memory;
    ArrivalTable table;
};

TEST(ArrivalTable, DecidesAsGcraDoes) {
    Table t(4);
    const Limit limit = make_limit(10, kSecond, 2);
    Micros arrival = 0;
    for (Micros now = kNow; now < kNow + 10 * kSecond; now += 37'000) {
        const Decision expected = decide(limit, arrival, now);
        arrival = expected.theoretical_arrival_time;
        const Decision decision = t.table.charge(hash(1), limit, now).decision;
        EXPECT_EQ(decision.is_allowed, expected.is_allowed);
        EXPECT_EQ(decision.retry_after, expected.retry_after);
        EXPECT_EQ(decision.remaining, expected.remaining);
    }
}

TEST(ArrivalTable, KeysDoNotTouchEachOther) {
    Table t(1000);
    const Limit limit = make_limit(1, kSecond, 0);
    for (size_t key = 0; key < 2000; ++key) {
        EXPECT_TRUE(t.table.charge(hash(key), limit, kNow).decision.is_allowed) << key;
    }
    for (size_t key = 0; key < 2000; ++key) {
        EXPECT_FALSE(t.table.charge(hash(key), limit, kNow).decision.is_allowed) << key;
    }
}

TEST(ArrivalTable, AHashOfZeroIsAKey) {
    Table t(1);
    const Limit limit = make_limit(1, kSecond, 0);
    EXPECT_TRUE(t.table.charge(0, limit, kNow).decision.is_allowed);
    EXPECT_FALSE(t.table.charge(0, limit, kNow).decision.is_allowed);
}

TEST(ArrivalTable, LookingAndRefusalsChangeNothing) {
    Table t(1);
    const Limit limit = make_limit(1, kSecond, 3);
    EXPECT_TRUE(t.table.look(hash(1), limit, kNow, 4).is_allowed);
    EXPECT_FALSE(t.table.look(hash(1), limit, kNow, 5).is_allowed);
    EXPECT_FALSE(t.table.charge(hash(1), limit, kNow, 5).decision.is_allowed);
    EXPECT_TRUE(t.table.charge(hash(1), limit, kNow, 0).decision.is_allowed);
    EXPECT_EQ(t.memory[0].tags[0].load(), 0u) << "no slot was taken";
    EXPECT_EQ(t.table.charge(hash(1), limit, kNow, 4).decision.remaining, 0);
    EXPECT_EQ(t.table.look(hash(1), limit, kNow, 2).retry_after, 2 * kSecond);
}

TEST(ArrivalTable, GivesBackWhatWasCharged) {
    Table t(1);
    const Limit limit = make_limit(10, kSecond, 4);
    t.table.charge(hash(1), limit, kNow, 5);
    EXPECT_FALSE(t.table.look(hash(1), limit, kNow, 1).is_allowed);
    t.table.give_back(hash(1), limit, 3);
    EXPECT_TRUE(t.table.look(hash(1), limit, kNow, 3).is_allowed);
    EXPECT_FALSE(t.table.look(hash(1), limit, kNow, 4).is_allowed);
    t.table.give_back(hash(1), limit, kMaxCost);
    t.table.give_back(hash(2), limit, 1);
    EXPECT_EQ(t.table.charge(hash(1), limit, kNow, 1).decision.remaining, 4) << "no more than there ever was";
}

TEST(ArrivalTable, ANewKeyTakesTheSlotOfWhoOwesLeast) {
    Table t(1);
    const Limit limit = make_limit(1, kSecond, 9);
    for (size_t key = 1; key <= ArrivalTable::kWays; ++key) {
        EXPECT_FALSE(t.table.charge(hash(key), limit, kNow, static_cast<int64_t>(key + 1)).has_forgotten);
    }
    // After two seconds the first one owes nothing; then the second does least.
    const Micros later = kNow + 2 * kSecond;
    EXPECT_FALSE(t.table.charge(hash(100), limit, later, 10).has_forgotten);
    EXPECT_TRUE(t.table.charge(hash(101), limit, later, 10).has_forgotten);
    EXPECT_EQ(t.table.look(hash(1), limit, later, 1).remaining, 9);
    EXPECT_EQ(t.table.look(hash(2), limit, later, 1).remaining, 9) << "forgotten";
    for (size_t key = 3; key <= ArrivalTable::kWays; ++key) {
        EXPECT_EQ(t.table.look(hash(key), limit, later, 1).remaining, 9 - static_cast<int64_t>(key - 1)) << key;
    }
    EXPECT_FALSE(t.table.look(hash(100), limit, later, 1).is_allowed);
    EXPECT_FALSE(t.table.look(hash(101), limit, later, 1).is_allowed);
}

TEST(ArrivalTable, WhoTakesASlotOwesNothingOfItsLastOwner) {
    Table t(1);
    const Limit limit = make_limit(1, kSecond, 0);
    for (size_t key = 0; key < 100'000; ++key) {  // many more than there are check bits
        ASSERT_TRUE(t.table.charge(hash(key), limit, kNow).decision.is_allowed) << key;
    }
}

TEST(ArrivalTable, AdoptsInAnySize) {
    const Limit limit = make_limit(1, kSecond, 9);
    for (const size_t sets : {50, 200, 1000}) {
        Table old(200);
        for (size_t key = 0; key < 200; ++key) {
            old.table.charge(hash(key), limit, kNow, key % 2 == 0 ? 10 : 1);
        }
        Table t(sets);
        t.table.adopt(old.table, kNow + kSecond);
        for (size_t key = 0; key < 200; ++key) {
            EXPECT_EQ(t.table.look(hash(key), limit, kNow + kSecond, 1).is_allowed, true) << key;
            EXPECT_EQ(t.table.look(hash(key), limit, kNow + kSecond, 2).is_allowed, key % 2 != 0) << key;
        }
        size_t kept = 0;
        for (const ArrivalTable::Set &set : t.memory) {
            for (const auto &tag : set.tags) {
                kept += tag.load() != 0 ? 1 : 0;
            }
        }
        EXPECT_EQ(kept, 100u) << "those that owe nothing are left";
    }
}

TEST(ArrivalTable, ManyWritersAdmitNoMoreThanTheLimit) {
    constexpr int kWriters = 4;
    constexpr int64_t kBurst = 5000;
    Table t(1);
    const Limit limit = make_limit(1, 3600 * kSecond, kBurst - 1);
    std::atomic<int64_t> allowed = 0;
    std::vector<std::thread> writers;
    for (int i = 0; i < kWriters; ++i) {
        writers.emplace_back([&] {
            for (int n = 0; n < kBurst; ++n) {
                for (size_t key = 1; key <= 4; ++key) {
                    allowed += t.table.charge(hash(key), limit, kNow).decision.is_allowed ? 1 : 0;
                }
            }
        });
    }
    for (std::thread &writer : writers) {
        writer.join();
    }
    EXPECT_GE(allowed, 4 * kBurst);
    EXPECT_LE(allowed, 4 * kBurst + 4 * (kWriters - 1)) << "at most a charge of each, while slots were taken";
}

TEST(ArrivalTable, WritersThatFightForSlotsAreNeverRefusedForOthers) {
    Table t(1);
    const Limit limit = make_limit(1, kSecond, 0);
    std::atomic<int64_t> refused = 0;
    std::vector<std::thread> writers;
    for (size_t i = 0; i < 4; ++i) {
        writers.emplace_back([&, i] {
            for (size_t n = 0; n < 50'000; ++n) {
                refused += t.table.charge(hash(n * 4 + i), limit, kNow).decision.is_allowed ? 0 : 1;
            }
        });
    }
    for (std::thread &writer : writers) {
        writer.join();
    }
    EXPECT_LE(refused, 20) << "but for check bits that are the same by chance";
}

}  // namespace
}  // namespace nexus::ratelimit
