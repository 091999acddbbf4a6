#include "control_plane/log/log.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <array>
#include <type_traits>

#include "control_plane/json/json.h"

namespace nexus::control::log {
namespace {

static_assert(!std::is_constructible_v<Field, std::string_view, Secret>);
static_assert(!std::is_constructible_v<Field, std::string_view, const Secret &>);

TEST(FormatLine, IsOneJsonObject) {
    const std::string line =
        format_line(Level::kInfo, "started", {{"port", 8080}, {"ok", true}, {"name", "a"}}, 1234);
    EXPECT_EQ(line,
              R"({"time":"1970-01-01T00:00:01.234Z","level":"info","event":"started","port":8080,"ok":true,)"
              R"("name":"a"})");
}

TEST(FormatLine, NothingBreaksOutOfAString) {
    const std::string hostile = "a\"b\\c\nd\r\x01\x7f\xff\xed\xa0\x80\xc3\xa9";
    const std::string line = format_line(Level::kError, hostile, {{"k\n", hostile}}, 0);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const Result<json::Value> parsed = json::parse_object(line);
    ASSERT_TRUE(parsed) << line;
    EXPECT_NE(parsed->get("event").as_string().find("a\"b\\c\nd"), std::string_view::npos);
}

TEST(FormatLine, SaysWhichRequestItIsAbout) {
    {
        const RequestScope scope("r-1");
        EXPECT_EQ(
            format_line(Level::kInfo, "x", {{"n", 1}}, 0),
            R"({"time":"1970-01-01T00:00:00.000Z","level":"info","event":"x","n":1,"request_id":"r-1"})");
    }
    EXPECT_EQ(format_line(Level::kInfo, "x", {}, 0).find("request_id"), std::string::npos);
}

TEST(FormatLine, LongTextsAreCut) {
    EXPECT_LT(format_line(Level::kInfo, std::string(100000, 'x'), {}, 0).size(), 2000u);
}

TEST(Write, HonoursTheLevel) {
    std::array<int, 2> pipe_ends;
    ASSERT_EQ(::pipe(pipe_ends.data()), 0);
    redirect(pipe_ends[1]);
    EXPECT_TRUE(set_level("warn"));
    EXPECT_FALSE(set_level("loud"));
    info("quiet");
    warn("heard", {{"n", 1}});
    EXPECT_TRUE(set_level("info"));
    redirect(STDERR_FILENO);
    ::close(pipe_ends[1]);
    char text[512];
    const ssize_t size = ::read(pipe_ends[0], text, sizeof text);
    ::close(pipe_ends[0]);
    ASSERT_GT(size, 0);
    const std::string_view seen(text, static_cast<size_t>(size));
    EXPECT_EQ(seen.find("quiet"), std::string_view::npos);
    EXPECT_NE(seen.find("\"event\":\"heard\",\"n\":1}\n"), std::string_view::npos);
}

}  // namespace
}  // namespace nexus::control::log
