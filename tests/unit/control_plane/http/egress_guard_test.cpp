#include "control_plane/http/egress_guard.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <optional>

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

struct UrlCase {
    const char *url;
    const char *networks;  // EGRESS_ALLOWED_CIDRS
    std::optional<Errc> refused;
};

class CheckUrl : public testing::TestWithParam<UrlCase> {};

TEST_P(CheckUrl, Decides) {
    const auto &[url, networks, refused] = GetParam();
    const EgressGuard guard(*net::parse_cidr_list(networks));
    const Result<Url> got = guard.check_url(url, "token_url");
    ASSERT_EQ(got.has_value(), !refused.has_value()) << url;
    if (refused) {
        EXPECT_EQ(got.error().errc, *refused) << url;
        EXPECT_TRUE(got.error().message.starts_with("token_url ")) << got.error().message;
    }
}

constexpr auto kForm = Errc::kInvalidRequest;
constexpr auto kDenied = Errc::kEgressDenied;

INSTANTIATE_TEST_SUITE_P(
    Public, CheckUrl,
    testing::Values(UrlCase{"https://a.example/token?x=1", "", {}}, UrlCase{"https://8.8.8.8/", "", {}},
                    UrlCase{"https://[2606:4700::1111]:8443/", "", {}},
                    UrlCase{"http://a.example/", "", kDenied},  // nothing that plain http could reach
                    UrlCase{"http://8.8.8.8/", "10.0.0.0/8", kDenied},
                    UrlCase{"http://a.example/", "10.0.0.0/8", {}}));  // DNS will say

INSTANTIATE_TEST_SUITE_P(
    Private, CheckUrl,
    testing::Values(
        UrlCase{"https://127.0.0.1/", "", kDenied}, UrlCase{"https://127.0.0.1/", "127.0.0.0/8", {}},
        UrlCase{"https://169.254.169.254/latest/meta-data", "127.0.0.0/8", kDenied},
        UrlCase{"https://[::ffff:127.0.0.1]/", "", kDenied},
        UrlCase{"https://[::ffff:7f00:1]/", "127.0.0.0/8", {}},
        UrlCase{"https://[64:ff9b::7f00:1]/", "127.0.0.0/8", kDenied},
        UrlCase{"https://[::1]/", "127.0.0.0/8", kDenied}, UrlCase{"https://localhost/", "", kDenied},
        UrlCase{"https://LOCALHOST./", "", kDenied}, UrlCase{"https://a.localhost/", "10.0.0.0/8", kDenied},
        UrlCase{"https://localhost/", "127.0.0.0/8", {}}, UrlCase{"http://localhost/", "::1", {}}));

INSTANTIATE_TEST_SUITE_P(Form, CheckUrl,
                         testing::Values(UrlCase{"", "", kForm}, UrlCase{"a.example", "", kForm},
                                         UrlCase{"ftp://a/", "", kForm},
                                         UrlCase{"file:///etc/passwd", "", kForm},
                                         UrlCase{"https://u:p@a.example/", "", kForm},
                                         UrlCase{"https://a.example/#f", "", kForm},
                                         UrlCase{"https://2130706433/", "0.0.0.0/0", kForm},
                                         UrlCase{"https://a.example/\r\nX: y", "", kForm}));

}  // namespace
}  // namespace nexus::control
