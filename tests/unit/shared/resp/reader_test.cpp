#include "shared/resp/reader.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace nexus::resp {
namespace {

/// What the reader makes of `bytes`: "error", "incomplete", or the reply's type.
std::string read(std::string_view bytes, const ReplyBounds &bounds = kFlatReplies) {
    ReplyReader reader(bounds);
    if (!reader.feed(bytes.data(), bytes.size())) {
        return "error";
    }
    Reply reply;
    switch (reader.next(reply)) {
        case ReplyReader::Next::kReply:
            return std::to_string(reply->type);
        case ReplyReader::Next::kMore:
            return "incomplete";
        case ReplyReader::Next::kBroken:
            break;
    }
    return "error";
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

TEST(RedisReaderTest, CountsElementsOfAllLevels) {
    const std::string slots = "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n";
    EXPECT_EQ(read(slots, kTableReplies), std::to_string(REDIS_REPLY_ARRAY));
    EXPECT_EQ(read(slots, {3, 7}), std::to_string(REDIS_REPLY_ARRAY));
    EXPECT_EQ(read(slots, {3, 6}), "error");
    EXPECT_EQ(read(slots, {2, 7}), "error");
    // The budget is for each reply, not for the connection.
    ReplyReader reader({1, 2});
    Reply reply;
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(reader.feed("*2\r\n:1\r\n:2\r\n", 12));
        EXPECT_EQ(reader.next(reply), ReplyReader::Next::kReply);
    }
}

TEST(RedisReaderTest, KnowsWhenAReplyIsTooLong) {
    const std::string chunk(1 << 20, 'x');
    const std::string value = "$" + std::to_string(chunk.size()) + "\r\n" + chunk + "\r\n";
    for (const bool one_string : {true, false}) {
        ReplyReader reader(kFlatReplies);
        Reply reply;
        const std::string_view header = one_string ? "$2147483647\r\n" : "*8\r\n";
        ASSERT_TRUE(reader.feed(header.data(), header.size()));
        int chunks = 0;
        while (reader.next(reply) == ReplyReader::Next::kMore && chunks < 100) {
            const std::string_view more = one_string ? std::string_view(chunk) : std::string_view(value);
            ASSERT_TRUE(reader.feed(more.data(), more.size()));
            ++chunks;
        }
        EXPECT_LE(chunks, 5);
        EXPECT_EQ(reply, nullptr);
    }
}

}  // namespace
}  // namespace nexus::resp
