#include "control_plane/http/connection_watch.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

using namespace std::chrono_literals;

class ConnectionWatchTest : public testing::Test {
protected:
    void begin() { watch_.begun("c", now_); }
    bool time_out() { return watch_.ended("c", true, now_); }

    ConnectionWatch watch_{5s};
    ConnectionWatch::Time now_{};
};

TEST_F(ConnectionWatchTest, ALongQuietIsTheEnd) {
    begin();
    now_ += 5s;
    EXPECT_TRUE(time_out());
    EXPECT_EQ(watch_.size(), 0u);
}

TEST_F(ConnectionWatchTest, AShortOneIsNot) {
    begin();
    now_ += 1s;
    EXPECT_FALSE(time_out());
}

TEST_F(ConnectionWatchTest, OthersThatAreAnsweredKeepIt) {
    begin();
    begin();
    now_ += 8s;
    watch_.heard("c", now_);
    EXPECT_FALSE(watch_.ended("c", false, now_));
    now_ += 2s;
    EXPECT_FALSE(time_out());
    begin();
    now_ += 3s;
    EXPECT_TRUE(time_out());
}

TEST_F(ConnectionWatchTest, ShortTimeoutsAddUp) {
    for (int i = 0; i < 4; ++i) {
        begin();
        now_ += 1s;
        EXPECT_FALSE(time_out());
    }
    begin();
    now_ += 1s;
    EXPECT_TRUE(time_out());
}

TEST_F(ConnectionWatchTest, IdlenessIsNoQuiet) {
    begin();
    watch_.heard("c", now_);
    EXPECT_FALSE(watch_.ended("c", false, now_));
    EXPECT_EQ(watch_.size(), 0u);
    now_ += 20s;
    begin();
    now_ += 1s;
    EXPECT_FALSE(time_out());
}

TEST_F(ConnectionWatchTest, SuspectsThatAreGoneAreForgotten) {
    for (int i = 0; i < 5000; ++i) {
        const std::string connection = std::to_string(i);
        watch_.begun(connection, now_);
        watch_.ended(connection, true, now_);
        now_ += 1s;
    }
    EXPECT_LE(watch_.size(), 1100u);
}

}  // namespace
}  // namespace nexus::control
