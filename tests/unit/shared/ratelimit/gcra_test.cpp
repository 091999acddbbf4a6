#include "shared/ratelimit/gcra.h"

#include <gtest/gtest.h>

namespace nexus::ratelimit {
namespace {

constexpr Micros kStart = 1'000 * kSecond;

/// One key of a limit, on a clock that the test moves.
class Key {
public:
    explicit Key(const Limit &limit) : limit_(limit) {}

    Decision ask(int64_t cost = 1) {
        const Decision decision = decide(limit_, arrival_, now, cost);
        arrival_ = decision.theoretical_arrival_time;
        return decision;
    }

    Micros now = kStart;

private:
    Limit limit_;
    Micros arrival_ = 0;
};

TEST(Gcra, OneARateWithoutABurst) {
    Key key(make_limit(10, kSecond, 0));
    EXPECT_TRUE(key.ask().is_allowed);
    const Decision refused = key.ask();
    EXPECT_FALSE(refused.is_allowed);
    EXPECT_EQ(refused.retry_after, kSecond / 10);
    key.now += refused.retry_after - 1;
    EXPECT_FALSE(key.ask().is_allowed) << "a microsecond early";
    key.now += 1;
    EXPECT_TRUE(key.ask().is_allowed);
}

TEST(Gcra, ABurstIsSpentAtOnceAndComesBackByTheRate) {
    Key key(make_limit(60, 60 * kSecond, 4));
    for (int64_t left = 4; left >= 0; --left) {
        const Decision decision = key.ask();
        EXPECT_TRUE(decision.is_allowed);
        EXPECT_EQ(decision.remaining, left);
    }
    EXPECT_EQ(key.ask().retry_after, kSecond);
    key.now += 2 * kSecond;
    EXPECT_TRUE(key.ask().is_allowed);
    EXPECT_TRUE(key.ask().is_allowed);
    EXPECT_FALSE(key.ask().is_allowed);
    key.now += 1000 * kSecond;
    EXPECT_EQ(key.ask().remaining, 4) << "what is not used is not saved beyond the burst";
}

TEST(Gcra, LongRunNeverExceedsTheRate) {
    Key key(make_limit(7, kSecond, 3));
    int allowed = 0;
    for (int i = 0; i < 100'000; ++i) {
        key.now += 1000;  // 100 s in all
        allowed += key.ask().is_allowed ? 1 : 0;
    }
    EXPECT_LE(allowed, 7 * 100 + 4);
    EXPECT_GE(allowed, 7 * 100 - 1);
}

TEST(Gcra, AnIntervalThatIsNoWholeMicrosecondAdmitsNoMore) {
    for (const int64_t rate : {3, 999, 7'000, 99'999, 150'000, 333'334, 500'001, 700'000, 999'999, 1'000'000}) {
        const Limit limit = make_limit(rate, kSecond, 0);
        EXPECT_LE(kSecond / limit.emission_interval, rate + rate / 1000) << rate;
    }
    EXPECT_EQ(make_limit(1'000'000, kSecond, 0).emission_interval, 1);
    EXPECT_EQ(make_limit(30, kSecond, 29).burst_tolerance / kSecond, 0) << "its burst is back within a second";
}

TEST(Gcra, ARefusedRequestCostsNothing) {
    Key key(make_limit(1, kSecond, 0));
    key.ask();
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(key.ask().retry_after, kSecond);
    }
}

TEST(Gcra, CostCountsAsSoManyRequests) {
    Key key(make_limit(10, kSecond, 9));
    EXPECT_EQ(key.ask(6).remaining, 4);
    const Decision refused = key.ask(5);
    EXPECT_FALSE(refused.is_allowed);
    EXPECT_EQ(refused.retry_after, kSecond / 10);
    EXPECT_EQ(refused.remaining, 4);
    EXPECT_TRUE(key.ask(4).is_allowed);
    EXPECT_EQ(key.ask(11).retry_after, 0) << "more than the burst holds never fits";
}

TEST(Gcra, MoreThanTheLargestCostNeverFits) {
    Key key(make_limit(1'000'000, kSecond, kMaxBurst));
    for (const int64_t cost : {kMaxCost + 1, INT64_MAX}) {
        const Decision refused = key.ask(cost);
        EXPECT_FALSE(refused.is_allowed) << cost;
        EXPECT_EQ(refused.retry_after, 0) << cost;
        EXPECT_EQ(refused.remaining, kMaxBurst + 1) << cost;
    }
    EXPECT_TRUE(key.ask(kMaxCost).is_allowed);
}

TEST(Gcra, CostZeroLooksOnly) {
    Key key(make_limit(1, kSecond, 0));
    EXPECT_TRUE(key.ask(0).is_allowed);
    EXPECT_TRUE(key.ask(0).is_allowed);
    key.ask();
    EXPECT_FALSE(key.ask(0).is_allowed);
    EXPECT_EQ(key.ask(0).retry_after, kSecond);
}

TEST(Gcra, AValueFromTheFutureIsCutToTheLimit) {
    const Limit limit = make_limit(10, kSecond, 4);
    const Decision decision = decide(limit, INT64_MAX, kStart);
    EXPECT_FALSE(decision.is_allowed);
    EXPECT_EQ(decision.retry_after, kSecond / 10);
    EXPECT_EQ(decision.reset_after, kSecond / 2);
}

TEST(Gcra, ExtremesDoNotOverflow) {
    for (const Limit &limit : {make_limit(1, kMaxEmissionInterval, kMaxBurst), make_limit(INT64_MAX, 1, 0),
                               make_limit(0, 0, -1), make_limit(1, INT64_MAX, INT64_MAX)}) {
        EXPECT_GE(limit.emission_interval, 1);
        EXPECT_GE(limit.burst_tolerance, 0);
        for (const int64_t cost : {int64_t{0}, int64_t{1}, INT64_MAX, INT64_MIN}) {
            const Decision decision = decide(limit, INT64_MIN / 2, kStart, cost);
            EXPECT_GE(decision.theoretical_arrival_time, kStart);
            EXPECT_GE(decision.remaining, 0);
        }
    }
}

}  // namespace
}  // namespace nexus::ratelimit
