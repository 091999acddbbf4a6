#include <gtest/gtest.h>
#include <sys/un.h>

#include "shared/net/host_rule.h"
#include "tests/unit/shared/net/sockaddrs.h"

namespace nexus::net {
namespace {

class PrivateAddress : public testing::TestWithParam<const char *> {};

TEST_P(PrivateAddress, IsPrivate) {
    const tests::Address address(GetParam());
    ASSERT_TRUE(address.valid());
    EXPECT_TRUE(is_private_address(address.get()));
}

INSTANTIATE_TEST_SUITE_P(V4, PrivateAddress,
                         testing::Values("0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255",
                                         "100.64.0.0", "100.127.255.255", "127.0.0.1", "127.255.255.254",
                                         "169.254.0.1", "169.254.169.254", "172.16.0.0", "172.31.255.255",
                                         "192.0.0.0", "192.0.0.192", "192.0.2.1", "192.88.99.1",
                                         "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255",
                                         "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255",
                                         "240.0.0.1", "255.255.255.255"));

INSTANTIATE_TEST_SUITE_P(V6, PrivateAddress,
                         testing::Values("::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1",
                                         "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
                                         "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254",
                                         "64:ff9b:1::8.8.8.8", "100::1", "2001::1",
                                         "2001:0:7f00:1::", "2001:2::1", "2001:10::1", "2001:20::1",
                                         "2001:db8::1", "2002:7f00:1::1",
                                         "2002:a00:1::", "2002:a9fe:a9fe::", "2002:c0a8:101::", "3fff::1",
                                         "5f00::1", "fc00::1", "fd00:ec2::254", "fdff:ffff:ffff:ffff::1",
                                         "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff0e::1"));

// Outside 2000::/3 nothing is global unicast, assigned to something special or not.
INSTANTIATE_TEST_SUITE_P(V6Unassigned, PrivateAddress,
                         testing::Values("0:0:0:1::1", "64:ff9b:0:0:0:1::", "64:ff9b:2::8.8.8.8", "200::1",
                                         "400::1", "1000::1", "1fff:ffff::1", "4000::1", "8000::1", "e000::1",
                                         "f800::1", "fe00::1", "fe40::1"));

class PublicAddress : public testing::TestWithParam<const char *> {};

TEST_P(PublicAddress, IsPublic) {
    const tests::Address address(GetParam());
    ASSERT_TRUE(address.valid());
    EXPECT_FALSE(is_private_address(address.get()));
}

INSTANTIATE_TEST_SUITE_P(Neighbours, PublicAddress,
                         testing::Values("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255",
                                         "100.128.0.0", "126.255.255.255", "128.0.0.1", "169.253.255.255",
                                         "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255",
                                         "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0",
                                         "198.17.255.255", "198.20.0.0", "223.255.255.255", "::ffff:8.8.8.8",
                                         "64:ff9b::8.8.8.8", "2002:808:808::1", "2001:200::1",
                                         "2001:4860:4860::8888", "2606:4700:4700::1111",
                                         "2a00:1450:4001::200e"));

TEST(PrivateAddress, OtherFamiliesAndNothingArePrivate) {
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    EXPECT_TRUE(is_private_address(reinterpret_cast<const sockaddr *>(&local)));
    EXPECT_TRUE(is_private_address(nullptr));
}

}  // namespace
}  // namespace nexus::net
