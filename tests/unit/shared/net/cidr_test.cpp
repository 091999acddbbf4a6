#include <gtest/gtest.h>

#include "shared/net/host_rule.h"
#include "tests/unit/shared/net/sockaddrs.h"

namespace nexus::net {
namespace {

bool contains(const char *cidr, const char *address) {
    return Cidr::parse(cidr).value().contains(tests::Address(address).get());
}

TEST(Cidr, ContainsByPrefix) {
    EXPECT_TRUE(contains("10.0.0.0/8", "10.255.0.1"));
    EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
    EXPECT_TRUE(contains("10.1.2.3/8", "10.9.9.9")) << "bits behind the prefix do not count";
    EXPECT_TRUE(contains("192.168.1.128/25", "192.168.1.129"));
    EXPECT_FALSE(contains("192.168.1.128/25", "192.168.1.127"));
    EXPECT_TRUE(contains("127.0.0.1", "127.0.0.1"));
    EXPECT_FALSE(contains("127.0.0.1", "127.0.0.2"));
    EXPECT_TRUE(contains("0.0.0.0/0", "203.0.113.1"));
    EXPECT_TRUE(contains("::1/128", "::1"));
    EXPECT_FALSE(contains("::1", "::2"));
    EXPECT_TRUE(contains("fd00::/9", "fd7f::1"));
    EXPECT_FALSE(contains("fd00::/9", "fd80::1"));
    EXPECT_TRUE(contains("::/0", "2001:db8::1"));
}

TEST(Cidr, FamiliesMeetOnlyInTheMappedForm) {
    EXPECT_TRUE(contains("127.0.0.0/8", "::ffff:127.0.0.1"));
    EXPECT_TRUE(contains("::ffff:10.0.0.0/104", "10.1.1.1"));
    EXPECT_FALSE(contains("::/0", "10.0.0.1"));
    EXPECT_FALSE(contains("0.0.0.0/0", "::1"));
    EXPECT_FALSE(contains("::1/128", "0.0.0.1"));
    sockaddr local{};
    local.sa_family = AF_UNIX;
    EXPECT_FALSE(Cidr::parse("0.0.0.0/0").value().contains(&local));
    EXPECT_FALSE(Cidr::parse("0.0.0.0/0").value().contains(nullptr));
}

TEST(Cidr, KnowsBitsBehindThePrefix) {
    for (const char *text : {"10.0.0.0/8", "10.0.0.1", "10.0.0.1/32", "0.0.0.0/0", "::1", "fc00::/7",
                             "192.168.4.0/22", "::ffff:10.0.0.0/104"}) {
        EXPECT_FALSE(Cidr::parse(text).value().has_host_bits()) << text;
    }
    for (const char *text : {"10.0.0.1/8", "10.0.0.1/31", "10.0.0.1/0", "::1/127", "fe00::/6",
                             "192.168.6.0/22", "::ffff:10.0.0.1/104"}) {
        EXPECT_TRUE(Cidr::parse(text).value().has_host_bits()) << text;
    }
}

TEST(Cidr, RefusesWhatIsNone) {
    for (const char *text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0/8",
                             "10.0.0.256", "localhost", "::/129", ":::/8", "[::1]", "10.0.0.0/ 8",
                             "10.0.0.0/+8", "fe80::1%eth0", "10.0.0.0/0008"}) {
        const Result<Cidr> cidr = Cidr::parse(text);
        ASSERT_FALSE(cidr) << text;
        EXPECT_EQ(cidr.error().errc, Errc::kInvalidRequest);
    }
    EXPECT_FALSE(Cidr::parse(std::string_view("10.0.0.1\0", 9)));
}

TEST(CidrList, TakesCommasAndBlanks) {
    EXPECT_EQ(parse_cidr_list("127.0.0.1/32, ::1/128\t10.0.0.0/8,\n").value().size(), 3u);
    EXPECT_TRUE(parse_cidr_list("").value().empty());
    EXPECT_TRUE(parse_cidr_list(" , ").value().empty());
}

TEST(CidrList, NamesTheWrongEntry) {
    const auto list = parse_cidr_list("127.0.0.1, nonsense, ::1");
    ASSERT_FALSE(list);
    EXPECT_EQ(list.error().detail, "nonsense");
}

TEST(CidrList, IsBounded) {
    std::string text;
    for (int i = 0; i < 1025; ++i) {
        text += "10.0.0.1 ";
    }
    EXPECT_FALSE(parse_cidr_list(text));
}

}  // namespace
}  // namespace nexus::net
