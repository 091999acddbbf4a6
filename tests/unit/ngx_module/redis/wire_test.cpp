// Where commands go, and when none do.
#include <gtest/gtest.h>

#include "ngx_module/redis/address.h"
#include "ngx_module/redis/breaker.h"

namespace nexus::edge::redis {
namespace {

TEST(RedisAddressTest, TakesLiteralsOnly) {
    const auto v4 = make_address("10.0.0.1", 6379);
    ASSERT_TRUE(v4);
    EXPECT_EQ(v4->text, "10.0.0.1:6379");
    EXPECT_EQ(v4->sockaddr.ss_family, AF_INET);
    const auto v6 = make_address("::1", 7000);
    ASSERT_TRUE(v6);
    EXPECT_EQ(v6->text, "[::1]:7000");
    EXPECT_EQ(v6->sockaddr.ss_family, AF_INET6);
    for (const std::string_view name : {"", "localhost", "10.0.0", "10.0.0.1.2", "[::1]", "10.0.0.1 "}) {
        EXPECT_FALSE(make_address(name, 1)) << name;
    }
    EXPECT_FALSE(make_address("10.0.0.1", 0));
}

TEST(RedisBreakerTest, OpensAfterTimeoutsInARowAndClosesByAProbe) {
    Breaker breaker;
    EXPECT_FALSE(breaker.on_timeout());
    EXPECT_FALSE(breaker.on_timeout());
    breaker.on_reply_in_time();
    EXPECT_FALSE(breaker.on_timeout());
    EXPECT_FALSE(breaker.on_timeout());
    EXPECT_TRUE(breaker.on_timeout());
    EXPECT_TRUE(breaker.is_open());
    EXPECT_FALSE(breaker.on_timeout());  // open already
    EXPECT_FALSE(breaker.open());
    breaker.on_reply_in_time();  // of an old command: it is the probe that counts
    EXPECT_TRUE(breaker.is_open());
    breaker.on_probe_in_time();
    EXPECT_FALSE(breaker.is_open());
}

TEST(RedisBreakerTest, IsSoonOpenAgainIfOnlyProbesAreAnswered) {
    Breaker breaker;
    EXPECT_TRUE(breaker.open());
    unsigned pauses[4] = {};
    for (unsigned &pause : pauses) {
        pause = breaker.pause_ms();
        breaker.on_probe_in_time();
        EXPECT_TRUE(breaker.on_timeout());  // one is enough
    }
    EXPECT_EQ(pauses[0], Breaker::kMinPauseMs);
    EXPECT_EQ(pauses[1], 2 * Breaker::kMinPauseMs);
    EXPECT_EQ(pauses[3], Breaker::kMaxPauseMs);
    breaker.on_probe_in_time();
    breaker.on_reply_in_time();  // of a command: all is well
    EXPECT_FALSE(breaker.on_timeout());
    EXPECT_TRUE(breaker.open());
    EXPECT_EQ(breaker.pause_ms(), Breaker::kMinPauseMs);
    breaker.reset();
    EXPECT_FALSE(breaker.is_open());
}

}  // namespace
}  // namespace nexus::edge::redis
