// Slots, and what clusters and Sentinels say about their servers.
#include <gtest/gtest.h>

#include <string>

#include "shared/resp/announcement.h"
#include "shared/resp/reader.h"
#include "shared/resp/slot.h"
#include "shared/resp/topology.h"

namespace nexus::resp {
namespace {

Reply read(std::string_view bytes) {
    ReplyReader reader(kTableReplies);
    Reply reply;
    EXPECT_TRUE(reader.feed(bytes.data(), bytes.size()));
    EXPECT_EQ(reader.next(reply), ReplyReader::Next::kReply);
    return reply;
}

std::string bulk(std::string_view text) {
    return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

/// One range as CLUSTER SLOTS of Redis 7 has it, with a replica.
std::string range(int first, int last, const std::string &host, int port) {
    const std::string master = "*4\r\n" + host + ":" + std::to_string(port) + "\r\n" + bulk("id") + "*0\r\n";
    const std::string replica = "*4\r\n" + bulk("10.0.0.9") + ":1\r\n" + bulk("id2") + "*0\r\n";
    return "*4\r\n:" + std::to_string(first) + "\r\n:" + std::to_string(last) + "\r\n" + master + replica;
}

// Redis cluster specification, appendix A, and its examples of hash tags.
TEST(RedisSlotTest, PublishedVectors) {
    EXPECT_EQ(crc16("123456789"), 0x31C3);
    EXPECT_EQ(crc16(""), 0);
    EXPECT_EQ(slot_of("foo"), 12182);
    EXPECT_EQ(slot_of("somekey"), 11058);
    EXPECT_EQ(slot_of("foo{hash_tag}"), 2515);
    EXPECT_EQ(slot_of("{user1000}.following"), slot_of("{user1000}.followers"));
    EXPECT_EQ(slot_of("{user1000}.following"), slot_of("user1000"));
    EXPECT_EQ(slot_of("foo{}{bar}"), crc16("foo{}{bar}") % kSlots);
    EXPECT_EQ(slot_of("foo{{bar}}zap"), slot_of("{bar"));
    EXPECT_EQ(slot_of("foo{bar}{zap}"), slot_of("bar"));
    EXPECT_EQ(slot_of("foo{bar"), crc16("foo{bar") % kSlots);
}

TEST(RedisTopologyTest, ReadsSlots) {
    const auto ranges = parse_slots(*read("*3\r\n" + range(0, 5460, bulk("10.0.0.1"), 7000) +
                                          range(5461, 5461, bulk("node-2.example"), 7001) +
                                          range(5462, 16383, "$-1\r\n", 7002)));
    ASSERT_TRUE(ranges);
    ASSERT_EQ(ranges->size(), 3U);
    EXPECT_EQ((*ranges)[0].last, 5460);
    EXPECT_EQ((*ranges)[0].master, (HostPort{"10.0.0.1", 7000}));
    EXPECT_EQ((*ranges)[1].master.host, "node-2.example");
    EXPECT_EQ((*ranges)[2].master.host, "");  // of the node that was asked
}

TEST(RedisTopologyTest, LeavesOutMastersWithoutAName) {
    const auto ranges =
        parse_slots(*read("*2\r\n" + range(0, 1, bulk("?"), 7000) + range(2, 3, bulk("10.0.0.1"), 7001)));
    ASSERT_TRUE(ranges);
    EXPECT_EQ(ranges->size(), 1U);
}

TEST(RedisTopologyTest, RefusesWhatAreNoSlots) {
    const std::string host = bulk("10.0.0.1");
    for (const std::string &reply : {
             std::string("*0\r\n"),
             std::string(":1\r\n"),
             std::string("-ERR This instance has cluster support disabled\r\n"),
             "*1\r\n" + range(-1, 5, host, 1),
             "*1\r\n" + range(5, 4, host, 1),
             "*1\r\n" + range(0, 16384, host, 1),
             "*1\r\n" + range(0, 1, host, 0),
             "*1\r\n" + range(0, 1, host, 65536),
             "*1\r\n" + range(0, 1, bulk("a b"), 1),
             "*1\r\n" + range(0, 1, bulk("a\nforged"), 1),
             "*1\r\n" + range(0, 1, bulk(std::string(300, 'a')), 1),
             "*1\r\n" + range(0, 1, bulk("?"), 1),
             std::string("*1\r\n*2\r\n:0\r\n:1\r\n"),
             std::string("*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n$1\r\na\r\n"),
             std::string("*1\r\n*3\r\n:0\r\n:1\r\n:2\r\n"),
             std::string("*1\r\n$-1\r\n"),
         }) {
        EXPECT_FALSE(parse_slots(*read(reply))) << reply;
    }
}

TEST(RedisTopologyTest, ReadsRedirects) {
    const auto moved = parse_redirect("MOVED 3999 127.0.0.1:6381");
    ASSERT_TRUE(moved);
    EXPECT_EQ(moved->slot, 3999);
    EXPECT_EQ(moved->target, (HostPort{"127.0.0.1", 6381}));
    EXPECT_EQ(parse_redirect("ASK 0 ::1:6381")->target, (HostPort{"::1", 6381}));
    EXPECT_EQ(parse_redirect("MOVED 16383 :6381")->target, (HostPort{"", 6381}));
    EXPECT_EQ(parse_redirect("MOVED 1 node.example:1")->target.host, "node.example");
    for (const std::string_view error :
         {"MOVED", "MOVED 1", "MOVED 1 ", "MOVED 1 a", "MOVED 1 a:", "MOVED 1 a:0", "MOVED 1 a:65536",
          "MOVED 16384 a:1", "MOVED -1 a:1", "MOVED x a:1", "MOVED  a:1", "MOVED 1 a b:1", "MOVED 1 ?:1",
          "MOVED 1 a:1 b", "MOVED 1 a\r:1"}) {
        EXPECT_FALSE(parse_redirect(error)) << error;
    }
}

TEST(RedisSentinelTest, ReadsMasters) {
    EXPECT_EQ(parse_master(*read("*2\r\n" + bulk("10.0.0.1") + bulk("6379"))), (HostPort{"10.0.0.1", 6379}));
    for (const std::string &reply :
         {std::string("*-1\r\n"), std::string("$-1\r\n"), "*1\r\n" + bulk("10.0.0.1"),
          "*2\r\n" + bulk("") + bulk("6379"), "*2\r\n" + bulk("10.0.0.1") + bulk("0"),
          "*2\r\n" + bulk("10.0.0.1") + ":6379\r\n", "*2\r\n" + bulk("a b") + bulk("6379")}) {
        EXPECT_FALSE(parse_master(*read(reply))) << reply;
    }
}

TEST(RedisSentinelTest, ReadsSwitches) {
    EXPECT_EQ(parse_switch("m 10.0.0.1 6379 10.0.0.2 6380", "m"), (HostPort{"10.0.0.2", 6380}));
    for (const std::string_view message :
         {"", "m", "other 10.0.0.1 6379 10.0.0.2 6380", "m 10.0.0.1 6379 10.0.0.2",
          "m 10.0.0.1 6379 10.0.0.2 6380 x", "m 10.0.0.1 6379 10.0.0.2 x", "m 10.0.0.1 6379  6380"}) {
        EXPECT_FALSE(parse_switch(message, "m")) << message;
    }
}

}  // namespace
}  // namespace nexus::resp
