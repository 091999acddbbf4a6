// What is sent, where to, and what error replies mean.
#include <gtest/gtest.h>

#include "ngx_module/redis/address.h"
#include "ngx_module/redis/breaker.h"
#include "ngx_module/redis/encode.h"
#include "ngx_module/redis/error_reply.h"

namespace nexus::edge::redis {
namespace {

TEST(RedisEncodeTest, WritesArraysOfBulkStrings) {
    std::string out;
    const std::string_view get[] = {"GET", "key"};
    append_command(out, get);
    EXPECT_EQ(out, "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
    using namespace std::string_view_literals;
    const std::string_view odd[] = {"SET", "", "a\r\n\0b"sv};
    out.clear();
    append_command(out, odd);
    EXPECT_EQ(out, "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$5\r\na\r\n\0b\r\n"sv);
}

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

TEST(RedisAddressTest, ReadsPorts) {
    EXPECT_EQ(parse_port("1"), 1);
    EXPECT_EQ(parse_port("65535"), 65535);
    for (const std::string_view text : {"", "0", "65536", "-1", "+1", "1x", " 1", "99999999999999"}) {
        EXPECT_FALSE(parse_port(text)) << text;
    }
}

TEST(RedisErrorTest, KnowsWhatErrorsMean) {
    EXPECT_EQ(kind_of_error("ERR unknown command"), ErrorKind::kCommand);
    EXPECT_EQ(kind_of_error("OOM command not allowed"), ErrorKind::kCommand);
    EXPECT_EQ(kind_of_error("MOVED 3999 127.0.0.1:6381"), ErrorKind::kMoved);
    EXPECT_EQ(kind_of_error("ASK 3999 127.0.0.1:6381"), ErrorKind::kAsk);
    EXPECT_EQ(kind_of_error("TRYAGAIN Multiple keys"), ErrorKind::kTryAgain);
    EXPECT_EQ(kind_of_error("CLUSTERDOWN The cluster is down"), ErrorKind::kClusterDown);
    EXPECT_EQ(kind_of_error("READONLY You can't write"), ErrorKind::kReadOnly);
    EXPECT_EQ(kind_of_error("LOADING Redis is loading"), ErrorKind::kNotServing);
    EXPECT_EQ(kind_of_error("MASTERDOWN Link with MASTER"), ErrorKind::kNotServing);
    EXPECT_EQ(kind_of_error("NOAUTH Authentication required."), ErrorKind::kNotServing);
    EXPECT_EQ(kind_of_error("MOVEDX 1 a:1"), ErrorKind::kCommand);
    EXPECT_EQ(kind_of_error(""), ErrorKind::kCommand);
}

TEST(RedisErrorTest, LogsNothingButTheFirstWord) {
    EXPECT_EQ(first_word("WRONGPASS invalid username-password pair"), "WRONGPASS");
    EXPECT_EQ(first_word("NOAUTH"), "NOAUTH");
    for (const std::string_view odd : {"", " ERR", "s3cret is wrong", "ERR\nforged line", "A\x1b[2J x"}) {
        EXPECT_EQ(first_word(odd), "an error") << odd;
    }
    EXPECT_EQ(first_word(std::string(33, 'A')), "an error");
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
