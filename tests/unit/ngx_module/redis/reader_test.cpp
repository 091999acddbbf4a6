#include "ngx_module/redis/reader.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace nexus::edge::redis {
namespace {

/// What the reader makes of `bytes`: "error", "incomplete", or the reply's type.
std::string read(std::string_view bytes) {
    const Reader reader = make_reader();
    if (redisReaderFeed(reader.get(), bytes.data(), bytes.size()) != REDIS_OK) {
        return "error";
    }
    void *object = nullptr;
    if (redisReaderGetReply(reader.get(), &object) != REDIS_OK) {
        return "error";
    }
    const Reply reply(static_cast<redisReply *>(object));
    return reply ? std::to_string(reply->type) : "incomplete";
}

TEST(RedisReaderTest, ReadsWhatWeAskFor) {
    EXPECT_EQ(read("+PONG\r\n"), std::to_string(REDIS_REPLY_STATUS));
    EXPECT_EQ(read("$3\r\nabc\r\n"), std::to_string(REDIS_REPLY_STRING));
    EXPECT_EQ(read("$-1\r\n"), std::to_string(REDIS_REPLY_NIL));
    EXPECT_EQ(read("*3\r\n$1\r\na\r\n$1\r\nb\r\n:1\r\n"), std::to_string(REDIS_REPLY_ARRAY));
    EXPECT_EQ(read("$3\r\nab"), "incomplete");
}

TEST(RedisReaderTest, RefusesWhatWeDoNot) {
    EXPECT_EQ(read("hello\r\n"), "error");
    EXPECT_EQ(read("$-7\r\n"), "error");
    EXPECT_EQ(read("*9\r\n"), "error");
    EXPECT_EQ(read("*2147483647\r\n"), "error");
    EXPECT_EQ(read("*1\r\n*1\r\n$1\r\na\r\n"), "error");
}

TEST(RedisReaderTest, KnowsWhenAReplyIsTooLong) {
    const Reader reader = make_reader();
    const std::string_view header = "$2147483647\r\n";
    ASSERT_EQ(redisReaderFeed(reader.get(), header.data(), header.size()), REDIS_OK);
    const std::string chunk(1 << 20, 'x');
    void *object = nullptr;
    int chunks = 0;
    while (!is_overfull(*reader) && chunks < 100) {
        ASSERT_EQ(redisReaderFeed(reader.get(), chunk.data(), chunk.size()), REDIS_OK);
        ASSERT_EQ(redisReaderGetReply(reader.get(), &object), REDIS_OK);
        ASSERT_EQ(object, nullptr);
        ++chunks;
    }
    EXPECT_LE(chunks, 5);
}

}  // namespace
}  // namespace nexus::edge::redis
