// Work goes in the order of its times, works of a lane keep their distance, and none is lost at the end.
#include "control_plane/refresh/slot_queue.h"

#include <gtest/gtest.h>

#include <chrono>
#include <latch>
#include <mutex>
#include <vector>

namespace nexus::control {
namespace {

using SteadyClock = std::chrono::steady_clock;

class SlotQueueTest : public testing::Test {
protected:
    std::function<void()> note(int number, std::latch &done) {
        return [this, number, &done] {
            {
                const std::scoped_lock lock(mutex_);
                order_.push_back(number);
                times_.push_back(SteadyClock::now());
            }
            done.count_down();
        };
    }
    std::mutex mutex_;
    std::vector<int> order_;
    std::vector<SteadyClock::time_point> times_;
};

TEST_F(SlotQueueTest, GoesByTimeNotByOrderOfArrival) {
    std::latch done(3);
    SlotQueue queue;
    queue.put("a", 60'000, 0, note(3, done));
    queue.put("a", 20'000, 0, note(1, done));
    queue.put("b", 40'000, 0, note(2, done));
    done.wait();
    EXPECT_EQ(order_, (std::vector<int>{1, 2, 3}));
}

TEST_F(SlotQueueTest, WhatIsLateKeepsItsDistance) {
    constexpr int kWorks = 5;
    constexpr std::chrono::microseconds kGap(5000);
    std::latch done(kWorks);
    SlotQueue queue;
    const auto began = std::chrono::time_point_cast<std::chrono::microseconds>(SteadyClock::now());
    for (int i = 0; i < kWorks; ++i) {
        queue.put("lane", -1'000'000, kGap.count(), note(i, done));
    }
    done.wait();
    // Not from one to the next: the machine can stop between a work's going and its being noted.
    for (int i = 0; i < kWorks; ++i) {
        EXPECT_GE(times_[i] - began, i * kGap) << "no burst to catch up";
    }
}

TEST_F(SlotQueueTest, ALaneThatRanEmptyKeepsItsDistance) {
    constexpr int kWorks = 3;
    constexpr std::chrono::microseconds kGap(20'000);
    SlotQueue queue;
    const auto began = std::chrono::time_point_cast<std::chrono::microseconds>(SteadyClock::now());
    for (int i = 0; i < kWorks; ++i) {
        std::latch done(1);
        queue.put("lane", 0, kGap.count(), note(i, done));
        done.wait();
        EXPECT_GE(times_[i] - began, i * kGap) << "each came when nothing was left";
    }
}

TEST_F(SlotQueueTest, LanesDoNotWaitForEachOther) {
    std::latch done(2);
    SlotQueue queue;
    queue.put("slow", 0, 0, note(1, done));
    queue.put("other", 1000, 10'000'000, note(2, done));
    done.wait();
    EXPECT_EQ(order_, (std::vector<int>{1, 2}));
}

TEST_F(SlotQueueTest, TheEndLetsEverythingGo) {
    std::latch done(2);
    {
        SlotQueue queue;
        queue.put("a", 3'600'000'000, 0, note(1, done));
        queue.put("a", 3'600'000'000, 3'600'000'000, note(2, done));
    }
    EXPECT_TRUE(done.try_wait());
}

}  // namespace
}  // namespace nexus::control
