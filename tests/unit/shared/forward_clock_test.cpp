// Clocks that jump: the one for expiries follows forward and never goes back.
#include "shared/forward_clock.h"

#include <gtest/gtest.h>

namespace nexus {
namespace {

constexpr UnixMs kTenMinutes = 600'000;

class ForwardClockTest : public testing::Test {
protected:
    void pass(int64_t ms) {
        wall_ += ms;
        steady_ += ms;
    }
    UnixMs wall_ = 1'800'000'000'000;
    int64_t steady_ = 77;
    ForwardClock clock_{[this] { return wall_; }, [this] { return steady_; }};
};

TEST_F(ForwardClockTest, IsTheSystemsClock) {
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(clock_.now(), wall_);
        pass(37);
    }
}

TEST_F(ForwardClockTest, FollowsForward) {
    wall_ += kTenMinutes;
    EXPECT_EQ(clock_.now(), wall_);
}

TEST_F(ForwardClockTest, GoesOnAfterAStepBackAndMeetsTheSystemsLater) {
    const UnixMs before = clock_.now();
    wall_ -= kTenMinutes;
    UnixMs last = before;
    int64_t real = 0;
    for (const int64_t step : {1, 500, 1023, 1, 3000, 60'000, 3'600'000}) {
        pass(step);
        real += step;
        const UnixMs now = clock_.now();
        EXPECT_GE(now, last);
        EXPECT_NEAR(static_cast<double>(now - before), static_cast<double>(real),
                    1 + static_cast<double>(real) / 1000);
        last = now;
    }
    pass(8 * 86'400'000LL);
    EXPECT_EQ(clock_.now(), wall_);
}

// An hour's token is dead an hour later by any clock, within the margin that is kept before its expiry.
TEST_F(ForwardClockTest, AnHourAfterAStepBackIsAnHour) {
    const UnixMs expires_at = clock_.now() + 3'600'000;
    wall_ -= kTenMinutes;
    for (int i = 0; i < 3600; ++i) {
        pass(1000);
        (void)clock_.now();
    }
    EXPECT_GE(clock_.now() + 5000, expires_at);
}

TEST_F(ForwardClockTest, ThereAndBackAgain) {
    wall_ += kTenMinutes;
    const UnixMs ahead = clock_.now();
    wall_ -= kTenMinutes;
    pass(1000);
    EXPECT_NEAR(static_cast<double>(clock_.now()), static_cast<double>(ahead + 1000), 2);
}

}  // namespace
}  // namespace nexus
