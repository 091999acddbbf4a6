#include "control_plane/server/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nexus::control {
namespace {

std::string wire(const Response &response, WireOptions options = {true, false, "r1"}) {
    return std::string(to_wire(response, options).view());
}

TEST(Wire, HasLengthTypeAndSafeDefaults) {
    const std::string text = wire(Response::text(200, "hello"));
    EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK\r\n"));
    for (const char *line : {"Content-Type: text/plain; charset=utf-8\r\n", "Content-Length: 5\r\n",
                             "Cache-Control: no-store\r\n", "X-Content-Type-Options: nosniff\r\n",
                             "X-Request-Id: r1\r\n", "Connection: keep-alive\r\n", "\r\n\r\nhello"}) {
        EXPECT_THAT(text, testing::HasSubstr(line));
    }
}

TEST(Wire, HeadHasTheLengthButNoBody) {
    const std::string text = wire(Response::text(200, "hello"), {false, true, "r1"});
    EXPECT_THAT(text, testing::HasSubstr("Content-Length: 5\r\n"));
    EXPECT_THAT(text, testing::HasSubstr("Connection: close\r\n"));
    EXPECT_TRUE(text.ends_with("\r\n\r\n"));
}

TEST(Wire, ALineBreakInAHeaderSplitsNothing) {
    const std::string text = wire(Response::redirect("https://a/\r\nSet-Cookie: x=1"));
    EXPECT_TRUE(text.starts_with("HTTP/1.1 500 ")) << text;
    EXPECT_THAT(text, testing::Not(testing::HasSubstr("Set-Cookie")));
}

}  // namespace
}  // namespace nexus::control
