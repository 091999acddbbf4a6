// What is sent, and what error replies mean.
#include <gtest/gtest.h>

#include "shared/resp/encode.h"
#include "shared/resp/error_reply.h"
#include "shared/resp/host_port.h"

namespace nexus::resp {
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

TEST(RedisPortTest, ReadsPorts) {
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

}  // namespace
}  // namespace nexus::resp
