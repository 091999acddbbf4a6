#include "control_plane/http/egress_guard.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace nexus::control {
namespace {

bool allows(const EgressGuard &guard, const char *text, bool is_plain = false) {
    sockaddr_in v4{};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        return guard.allows(reinterpret_cast<sockaddr *>(&v4), is_plain);
    }
    sockaddr_in6 v6{};
    EXPECT_EQ(inet_pton(AF_INET6, text, &v6.sin6_addr), 1) << text;
    v6.sin6_family = AF_INET6;
    return guard.allows(reinterpret_cast<sockaddr *>(&v6), is_plain);
}

TEST(EgressGuard, DeniesWhatIsPrivate) {
    const EgressGuard guard({});
    for (const char *address : {"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
                                "100.64.0.1", "0.0.0.0", "::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1",
                                "::ffff:169.254.169.254", "64:ff9b::7f00:1", "224.0.0.1"}) {
        EXPECT_FALSE(allows(guard, address)) << address;
    }
    EXPECT_TRUE(allows(guard, "8.8.8.8"));
    EXPECT_TRUE(allows(guard, "2606:4700::1111"));
}

TEST(EgressGuard, AllowsWhatIsNamed) {
    const EgressGuard guard(*net::parse_cidr_list("10.1.0.0/16,::1/128"));
    EXPECT_TRUE(allows(guard, "10.1.2.3"));
    EXPECT_TRUE(allows(guard, "::1"));
    EXPECT_FALSE(allows(guard, "10.2.0.1"));
    EXPECT_TRUE(allows(guard, "10.1.2.3", true));
    EXPECT_FALSE(allows(guard, "8.8.8.8", true));  // plain http: named networks only
}

TEST(IsSaneUrl, TakesHttpAndHttpsOnly) {
    bool is_plain = false;
    EXPECT_TRUE(is_sane_url("https://a.example/token?x=1", is_plain));
    EXPECT_FALSE(is_plain);
    EXPECT_TRUE(is_sane_url("http://[::1]:8080/", is_plain));
    EXPECT_TRUE(is_plain);
    for (const char *url : {"", "a.example", "/x", "ftp://a/", "file:///etc/passwd", "gopher://a/",
                            "https://", "https://u:p@a.example/", "https://u@a.example/",
                            "https://a.example/#f", "https://a.example/a b", "https://a.example/\r\nX: y"}) {
        EXPECT_FALSE(is_sane_url(url, is_plain)) << url;
    }
}

}  // namespace
}  // namespace nexus::control
