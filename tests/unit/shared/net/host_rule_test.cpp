#include "shared/net/host_rule.h"

#include <gtest/gtest.h>

namespace nexus::net {
namespace {

struct RuleCase {
    std::string_view rule;
    std::string_view host;
    uint16_t port;
};

class Covered : public testing::TestWithParam<RuleCase> {};

TEST_P(Covered, Matches) {
    EXPECT_TRUE(host_rule_matches(GetParam().rule, GetParam().host, GetParam().port))
        << GetParam().rule << " " << GetParam().host << ":" << GetParam().port;
}

INSTANTIATE_TEST_SUITE_P(Rules, Covered,
                         testing::Values(RuleCase{"api.example.com", "api.example.com", 443},
                                         RuleCase{"api.example.com", "API.Example.COM", 80},
                                         RuleCase{"API.EXAMPLE.COM", "api.example.com", 443},
                                         RuleCase{"api.example.com.", "api.example.com", 443},
                                         RuleCase{"api.example.com", "api.example.com.", 443},
                                         RuleCase{"api.example.com:8443", "api.example.com", 8443},
                                         RuleCase{"*.example.com", "a.example.com", 443},
                                         RuleCase{"*.example.com", "a.b.example.com", 443},
                                         RuleCase{"*.Example.com", "A.example.COM.", 443},
                                         RuleCase{"*.example.com:443", "a.example.com", 443},
                                         RuleCase{"127.0.0.1", "127.0.0.1", 80},
                                         RuleCase{"127.0.0.1:8080", "127.0.0.1", 8080},
                                         RuleCase{"[::1]", "::1", 80}, RuleCase{"::1", "::1", 80},
                                         RuleCase{"[::1]:8080", "::1", 8080}, RuleCase{"[::1]", "[::1]", 80},
                                         RuleCase{"[2001:DB8::1]", "2001:db8:0:0::1", 443},
                                         RuleCase{"localhost", "localhost", 80},
                                         RuleCase{"my_host", "my_host", 80}));

class NotCovered : public testing::TestWithParam<RuleCase> {};

TEST_P(NotCovered, DoesNotMatch) {
    EXPECT_FALSE(host_rule_matches(GetParam().rule, GetParam().host, GetParam().port))
        << GetParam().rule << " " << GetParam().host << ":" << GetParam().port;
}

INSTANTIATE_TEST_SUITE_P(
    Rules, NotCovered,
    testing::Values(
        RuleCase{"api.example.com", "example.com", 443}, RuleCase{"api.example.com", "xapi.example.com", 443},
        RuleCase{"api.example.com", "api.example.com.evil.org", 443},
        RuleCase{"api.example.com:443", "api.example.com", 80}, RuleCase{"*.example.com", "example.com", 443},
        RuleCase{"*.example.com", "badexample.com", 443}, RuleCase{"*.example.com", ".example.com", 443},
        RuleCase{"*.example.com", "a..example.com", 443}, RuleCase{"*.example.com", "a.example.com..", 443},
        RuleCase{"*.example.com:443", "a.example.com", 8443},
        RuleCase{"*.example.com", "evil.org/.example.com", 443},
        RuleCase{"*.example.com", "evil.org?.example.com", 443},
        RuleCase{"*.example.com", "user@a.example.com", 443},
        RuleCase{"*.example.com", "evil.org#.example.com", 443},
        RuleCase{"*.example.com", std::string_view("evil.org\0.example.com", 21), 443},
        RuleCase{"*.example.com", "a b.example.com", 443}, RuleCase{"*", "a.example.com", 443},
        RuleCase{"*.", "a.", 443}, RuleCase{"*.", "a.example.com", 443},
        RuleCase{"*example.com", "badexample.com", 443}, RuleCase{"a.*.com", "a.b.com", 443},
        RuleCase{"*.0.0.1", "127.0.0.1", 80}, RuleCase{"*.1", "127.1", 80}, RuleCase{"*.0x1", "127.0x1", 80},
        RuleCase{"127.0.0.1", "127.0.0.2", 80}, RuleCase{"127.0.0.1", "::1", 80},
        RuleCase{"[::1]", "127.0.0.1", 80}, RuleCase{"[::1]", "::2", 80}, RuleCase{"[::1]:80", "::1", 81},
        RuleCase{"::1", "::1%lo", 80}, RuleCase{"::ffff:127.0.0.1", "127.0.0.1", 80}, RuleCase{"", "", 80},
        RuleCase{"", "a", 80}, RuleCase{"a", "", 80}, RuleCase{".", ".", 80}, RuleCase{"a:", "a", 80},
        RuleCase{"a:0", "a", 0}, RuleCase{"a:99999", "a", 34463}, RuleCase{"a:+80", "a", 80},
        RuleCase{"a:80x", "a", 80}, RuleCase{"[::1", "::1", 80}, RuleCase{"[::1]80", "::1", 80},
        RuleCase{"[a]", "a", 80}));

TEST(HostPortParse, SplitsAndNormalises) {
    const auto expect = [](std::string_view text, std::string_view host, unsigned port) {
        const Result<HostPort> got = parse_host_port(text);
        ASSERT_TRUE(got) << text;
        EXPECT_EQ(got->host, host);
        EXPECT_EQ(got->port, port);
    };
    expect("api.example.com", "api.example.com", 0);
    expect("API.Example.com.:8443", "api.example.com", 8443);
    expect("127.0.0.1:1", "127.0.0.1", 1);
    expect("[::1]", "::1", 0);
    expect("[2001:DB8:0::1]:65535", "2001:db8::1", 65535);
}

TEST(HostPortParse, RefusesWhatIsNone) {
    for (const char *text :
         {"",       ":80",    "a:",         "a:0",        "a:65536",   "a:1:2", "::1",
          "[::1",   "[]",     "[a]",        "[::1]x",     "[::1%lo]",  "a b",   "a/b",
          "user@a", "a..b",   ".",          "a?b",        "*.a",       "a:8 0", "\xc3\xa9.com",
          "127.1",  "0x7f.1", "2130706433", "0177.0.0.1", "1.2.3.4.5", "a.1",   "256.0.0.1:80"}) {
        EXPECT_FALSE(parse_host_port(text)) << text;
    }
    EXPECT_FALSE(parse_host_port(std::string_view("a\0b", 3)));
    EXPECT_FALSE(parse_host_port(std::string(254, 'a')));
}

}  // namespace
}  // namespace nexus::net
