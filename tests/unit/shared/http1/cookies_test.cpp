#include "shared/http1/cookies.h"

#include <gtest/gtest.h>

namespace nexus::http1 {
namespace {

std::string cookies(std::string_view lines, std::string_view name = "sid", std::string_view value = "s") {
    const std::string block = "GET / HTTP/1.1\r\nHost: a\r\n" + std::string{lines} + "\r\n";
    return with_cookie(*parse_head(block), name, value);
}

TEST(Cookies, TheOthersStay) {
    EXPECT_EQ(cookies(""), "sid=s");
    EXPECT_EQ(cookies("Cookie: a=1; b=2\r\n"), "a=1; b=2; sid=s");
    EXPECT_EQ(cookies("cookie: a=1\r\nX: y\r\nCOOKIE: b=2\r\n"), "a=1; b=2; sid=s");
    EXPECT_EQ(cookies("Cookie: ;;a;  =x ; b=1=2;\r\n"), "a; =x; b=1=2; sid=s");
    EXPECT_EQ(cookies("Cookie: a;b;c;d\r\n"), "a; b; c; d; sid=s");
}

TEST(Cookies, OneOfThatNameGoes) {
    EXPECT_EQ(cookies("Cookie: sid=evil; a=1; sid = worse; sid\r\n"), "a=1; sid=s");
    EXPECT_EQ(cookies("Cookie: SID=other; xsid=1; sidx=2\r\n"), "SID=other; xsid=1; sidx=2; sid=s");
}

TEST(Cookies, TheStringIsAllocatedOnce) {
    const std::string made = cookies("Cookie: a;b;c;d;e;f;g;h\r\n");
    EXPECT_LE(made.size(), made.capacity());
    EXPECT_EQ(made, "a; b; c; d; e; f; g; h; sid=s");
}

}  // namespace
}  // namespace nexus::http1
