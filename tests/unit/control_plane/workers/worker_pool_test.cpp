#include "control_plane/workers/worker_pool.h"

#include <gtest/gtest.h>
#include <atomic>
#include <chrono>
#include <future>
#include <latch>

namespace nexus::control {
namespace {

using namespace std::chrono_literals;

bool eventually(const std::function<bool()> &condition) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

TEST(WorkerPool, NoMoreAreAtWorkThanMay) {
    std::atomic<int> at_work{0}, most{0}, done{0};
    {
        WorkerPool pool({8, 2, 1000});
        for (int i = 0; i < 200; ++i) {
            ASSERT_TRUE(pool.submit([&] {
                const int now = ++at_work;
                for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
                }
                std::this_thread::sleep_for(100us);
                --at_work;
                ++done;
            }));
        }
        EXPECT_TRUE(eventually([&] { return done == 200; }));
    }
    EXPECT_EQ(most, 2);
}

TEST(WorkerPool, WhoWaitsElsewhereMakesRoom) {
    std::latch go(1);
    std::atomic<int> waiting{0}, done{0};
    WorkerPool pool({5, 1, 100});
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(pool.submit([&] {
            const WaitingElsewhere outer;
            const WaitingElsewhere inner;  // counts once
            ++waiting;
            go.wait();
        }));
    }
    EXPECT_TRUE(eventually([&] { return waiting == 4; }));
    for (int i = 0; i < 10; ++i) {
        ASSERT_TRUE(pool.submit([&] { ++done; }));
    }
    EXPECT_TRUE(eventually([&] { return done == 10; }));
    go.count_down();
}

TEST(WorkerPool, ThreadsAreTheLimitOfThoseWhoWait) {
    std::latch go(1);
    std::atomic<int> waiting{0}, done{0};
    WorkerPool pool({2, 1, 100});
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(pool.submit([&] {
            const WaitingElsewhere elsewhere;
            ++waiting;
            go.wait();
        }));
    }
    ASSERT_TRUE(pool.submit([&] { ++done; }));
    EXPECT_TRUE(eventually([&] { return waiting == 2; }));
    std::this_thread::sleep_for(50ms);
    EXPECT_EQ(waiting, 2);
    EXPECT_EQ(done, 0);
    go.count_down();
    EXPECT_TRUE(eventually([&] { return done == 1; }));
}

TEST(WorkerPool, WhatDoesNotFitIsRefusedAndTheRestIsDone) {
    std::latch go(1);
    std::atomic<int> begun{0}, done{0};
    {
        WorkerPool pool({1, 1, 2});
        ASSERT_TRUE(pool.submit([&] {
            ++begun;
            go.wait();
        }));
        EXPECT_TRUE(eventually([&] { return begun == 1; }));
        ASSERT_TRUE(pool.submit([&] { ++done; }));
        ASSERT_TRUE(pool.submit([&] { ++done; }));
        EXPECT_FALSE(pool.submit([&] { ++done; }));
        go.count_down();
    }
    EXPECT_EQ(done, 2);
}

TEST(WorkerPool, OnOtherThreadsWaitingIsNothing) {
    const WaitingElsewhere here;
    std::async(std::launch::async, [] { const WaitingElsewhere there; }).get();
}

}  // namespace
}  // namespace nexus::control
