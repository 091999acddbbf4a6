#include "shared/net/ip_literal.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <string>

namespace nexus::net {
namespace {

TEST(IpLiteral, ParsesBothFamilies) {
    ASSERT_TRUE(IpLiteral::parse("127.0.0.1"));
    EXPECT_EQ(IpLiteral::parse("127.0.0.1")->address()->sa_family, AF_INET);
    ASSERT_TRUE(IpLiteral::parse("::1"));
    EXPECT_EQ(IpLiteral::parse("::1")->address()->sa_family, AF_INET6);
    EXPECT_TRUE(IpLiteral::parse("::ffff:10.0.0.1"));
}

TEST(IpLiteral, RefusesEverythingElse) {
    for (const char *text : {"", "localhost", "127.1", "0x7f000001", "127.0.0.1.", "127.0.0.1 ", "[::1]",
                             "::1%lo", "127.0.0.1:80", "256.0.0.1"}) {
        EXPECT_FALSE(IpLiteral::parse(text)) << text;
    }
    EXPECT_FALSE(IpLiteral::parse(std::string_view("127.0.0.1\0", 10)));
    EXPECT_FALSE(IpLiteral::parse(std::string(1000, '1')));
}

}  // namespace
}  // namespace nexus::net
