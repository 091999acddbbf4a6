// One flight per connection: who joins it, who waits for it, and how long.
#include "control_plane/refresh/flights.h"

#include <gtest/gtest.h>

#include <thread>

namespace nexus::control {
namespace {

using namespace std::chrono_literals;

store::Connection row_of(int64_t generation) {
    store::Connection row;
    row.generation = generation;
    return row;
}

TEST(Flights, WhoComesLaterGetsTheFirstOnesOutcome) {
    Flights flights;
    const auto [flight, is_ours] = flights.join("c");
    EXPECT_TRUE(is_ours);
    std::vector<std::thread> others;
    std::atomic<int> equal = 0;
    for (int i = 0; i < 7; ++i) {
        const auto [same, is_theirs] = flights.join("c");
        EXPECT_FALSE(is_theirs);
        EXPECT_EQ(same, flight);
        others.emplace_back([&flights, &equal, same] { equal += flights.wait(same, 10s)->generation == 7; });
    }
    flights.land(flight, row_of(7));
    for (std::thread &other : others) {
        other.join();
    }
    EXPECT_EQ(equal, 7);
    EXPECT_EQ(flights.size(), 0U);
    EXPECT_TRUE(flights.join("c").second) << "a flight that ended is not joined";
}

TEST(Flights, TheFirstOutcomeCounts) {
    Flights flights;
    const auto flight = flights.join("c").first;
    flights.land(flight, row_of(1));
    flights.land(flight, fail(Errc::kInternal, "again"));
    EXPECT_EQ(flights.wait(flight, 0ms)->generation, 1);
}

TEST(Flights, WaitingIsBounded) {
    Flights flights;
    const RefreshOutcome outcome = flights.wait(flights.join("c").first, 10ms);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().errc, Errc::kTokenUnavailable);
    EXPECT_EQ(outcome.error().retry_after_s, 1);
}

TEST(Flights, ConnectionsDoNotWaitForEachOther) {
    Flights flights;
    EXPECT_TRUE(flights.join("a").second);
    EXPECT_TRUE(flights.join("b").second);
}

}  // namespace
}  // namespace nexus::control
