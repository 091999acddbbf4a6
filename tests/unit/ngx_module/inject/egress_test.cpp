// Base URLs, host rules and addresses that decide where a credential may go.
#include "ngx_module/inject/egress.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <string>

namespace nexus::edge {
namespace {

struct BaseUrlCase {
    const char *name;
    std::string url;
    std::string text;
    std::string host_port;
};

class BaseUrlTest : public testing::TestWithParam<BaseUrlCase> {};

TEST_P(BaseUrlTest, IsTakenApartOrRefused) {
    const BaseUrl got = parse_base_url(GetParam().url);
    EXPECT_EQ(got.text, GetParam().text);
    EXPECT_EQ(got.host_port, GetParam().host_port);
}

INSTANTIATE_TEST_SUITE_P(
    Urls, BaseUrlTest,
    testing::Values(
        BaseUrlCase{"HostOnly", "https://api.example.com", "https://api.example.com", "api.example.com"},
        BaseUrlCase{"Slashes", "https://api.example.com//", "https://api.example.com", "api.example.com"},
        BaseUrlCase{"PathAndPort", "http://h:81/v1/", "http://h:81/v1", "h:81"},
        BaseUrlCase{"Ipv6", "https://[2001:db8::1]:8443/a", "https://[2001:db8::1]:8443/a",
                    "[2001:db8::1]:8443"},
        BaseUrlCase{"Empty", "", "", ""}, BaseUrlCase{"NoHost", "https:///x", "", ""},
        BaseUrlCase{"OnlyPort", "https://:443/x", "", ""}, BaseUrlCase{"OnlyScheme", "https://", "", ""},
        BaseUrlCase{"OtherScheme", "ftp://h/", "", ""}, BaseUrlCase{"UserInfo", "https://u@h/", "", ""},
        BaseUrlCase{"Query", "https://h/?a", "", ""}, BaseUrlCase{"Fragment", "https://h/#a", "", ""},
        BaseUrlCase{"LineBreak", "https://h/\r\nX: y", "", ""},
        BaseUrlCase{"Backslash", "https://h\\@evil/", "", ""},
        BaseUrlCase{"Nul", std::string("https://h\0x", 11), "", ""}),
    [](const auto &test) { return std::string{test.param.name}; });

sockaddr_in v4(const char *text) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    inet_pton(AF_INET, text, &address.sin_addr);
    return address;
}

bool is_allowed(const PrivateNetworks *networks, const char *text) {
    const sockaddr_in address = v4(text);
    return is_address_allowed(networks, reinterpret_cast<const sockaddr *>(&address));
}

TEST(EgressTest, PrivateAddressesNeedANamedNetwork) {
    PrivateNetworks ten;
    ten.networks.push_back(*net::Cidr::parse("10.0.0.0/8"));
    EXPECT_TRUE(is_allowed(nullptr, "93.184.216.34"));
    EXPECT_FALSE(is_allowed(nullptr, "10.1.2.3"));
    EXPECT_FALSE(is_allowed(nullptr, "127.0.0.1"));
    EXPECT_FALSE(is_allowed(nullptr, "169.254.169.254"));
    EXPECT_TRUE(is_allowed(&ten, "10.1.2.3"));
    EXPECT_FALSE(is_allowed(&ten, "127.0.0.1"));
    EXPECT_TRUE(is_allowed(&ten, "93.184.216.34"));
}

TEST(EgressTest, UnixSocketsNeedTheWord) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto *peer = reinterpret_cast<const sockaddr *>(&address);
    PrivateNetworks networks;
    EXPECT_FALSE(is_address_allowed(nullptr, peer));
    EXPECT_FALSE(is_address_allowed(&networks, peer));
    networks.unix_sockets = true;
    EXPECT_TRUE(is_address_allowed(&networks, peer));
}

TEST(EgressTest, NamedPrivateIsAboutTheListAlone) {
    const sockaddr_in address = v4("93.184.216.34");
    const auto *peer = reinterpret_cast<const sockaddr *>(&address);
    PrivateNetworks networks;
    EXPECT_FALSE(is_named_private(nullptr, peer));
    EXPECT_FALSE(is_named_private(&networks, peer));
    networks.networks.push_back(*net::Cidr::parse("93.184.216.0/24"));
    EXPECT_TRUE(is_named_private(&networks, peer));
}

}  // namespace
}  // namespace nexus::edge
