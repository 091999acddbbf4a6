// One refresh at a time, and staying away after failures.
#include "control_plane/refresh/single_flight.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>

namespace nexus::control {
namespace {

using namespace std::chrono_literals;

TEST(SingleFlight, EightCallersOneRun) {
    SingleFlight flights(10s);
    std::atomic<int> runs = 0;
    std::atomic<int> entered = 0;
    auto work = [&]() -> SingleFlight::Outcome {
        ++runs;
        while (entered < 8) {
            std::this_thread::yield();
        }
        std::this_thread::sleep_for(20ms);  // the last of them is between its counter and the lock
        store::Connection row;
        row.generation = 7;
        return row;
    };
    std::vector<std::thread> threads;
    std::atomic<int> equal = 0;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            ++entered;
            equal += flights.run("c", work)->generation == 7;
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(equal, 8);
    EXPECT_TRUE(flights.run("c", work));
    EXPECT_EQ(runs, 2) << "a flight that ended is not joined";
}

TEST(SingleFlight, AnExceptionIsAnErrorForEverybody) {
    SingleFlight flights(1s);
    auto outcome = flights.run("c", []() -> SingleFlight::Outcome { throw std::runtime_error("secret"); });
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().errc, Errc::kInternal);
    EXPECT_EQ(outcome.error().message.find("secret"), std::string::npos);
}

TEST(SingleFlight, WaitingIsBounded) {
    SingleFlight flights(10ms);
    std::latch started(1);
    std::latch release(1);
    std::thread slow([&] {
        (void)flights.run("c", [&]() -> SingleFlight::Outcome {
            started.count_down();
            release.wait();
            return store::Connection{};
        });
    });
    started.wait();
    auto outcome = flights.run("c", [] { return SingleFlight::Outcome{store::Connection{}}; });
    release.count_down();
    slow.join();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().errc, Errc::kTokenUnavailable);
}

TEST(Backoff, DoublesAndObeysTheProvider) {
    Backoff backoff;
    Error later{Errc::kTokenUnavailable, "later", "", 0};
    EXPECT_FALSE(backoff.current("c", 0));
    EXPECT_EQ(backoff.failed("c", later, 0).retry_after_s, 1);
    EXPECT_TRUE(backoff.current("c", 999));
    EXPECT_FALSE(backoff.current("c", 1000));
    EXPECT_EQ(backoff.failed("c", later, 1000).retry_after_s, 2);
    later.retry_after_s = 30;
    EXPECT_EQ(backoff.failed("c", later, 3000).retry_after_s, 30);
    EXPECT_EQ(backoff.current("c", 23000)->retry_after_s, 10);
    later.retry_after_s = 100000;
    EXPECT_EQ(backoff.failed("c", later, 33000).retry_after_s, Backoff::kMaxRetryAfterS);
    backoff.succeeded("c");
    EXPECT_FALSE(backoff.current("c", 33001));
    EXPECT_EQ(backoff.failed("c", Error{Errc::kTokenUnavailable, "", "", 0}, 40000).retry_after_s, 1);
}

TEST(Backoff, ARefusedConfigurationIsRememberedBriefly) {
    Backoff backoff;
    backoff.failed("c", Error{Errc::kProviderError, "refused", "invalid_client", 0}, 0);
    EXPECT_EQ(backoff.current("c", 1999)->errc, Errc::kProviderError);
    EXPECT_FALSE(backoff.current("c", 2000));
}

}  // namespace
}  // namespace nexus::control
