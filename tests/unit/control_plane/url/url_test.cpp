// URLs: what is accepted, how queries merge.
#include "control_plane/url/url.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

TEST(ParseHttpUrl, TakesAbsoluteHttpUrls) {
    Result<Url> url = parse_http_url("HTTPS://API.Example.com/path?x=1", "u");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->scheme, "https");
    EXPECT_EQ(url->host, "api.example.com");
    EXPECT_EQ(url->port, 443);
    EXPECT_EQ(parse_http_url("http://[::1]:8080/", "u")->host, "::1");
    EXPECT_EQ(parse_http_url("http://[::1]:8080/", "u")->port, 8080);
    EXPECT_EQ(parse_http_url("http://localhost", "u")->port, 80);
}

class BadUrlTest : public testing::TestWithParam<const char *> {};

TEST_P(BadUrlTest, IsRefusedByName) {
    Result<Url> url = parse_http_url(GetParam(), "return_url");
    ASSERT_FALSE(url);
    EXPECT_EQ(url.error().errc, Errc::kInvalidRequest);
    EXPECT_NE(url.error().message.find("return_url"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Bad, BadUrlTest,
                         testing::Values("", "example.com", "/path", "//example.com", "javascript:alert(1)",
                                         "ftp://example.com/", "file:///etc/passwd", "https://", "https:///x",
                                         "https://user@example.com/", "https://user:pass@example.com/",
                                         "https://good.example\\@evil.example/", "https://a b/",
                                         "https://a/\n", "https://a/\xc3\xa4", "https://example.com:0/",
                                         "https://example.com:99999/"));

// Each of these means one host to somebody and another one, or none, to somebody else.
INSTANTIATE_TEST_SUITE_P(
    Ambiguous, BadUrlTest,
    testing::Values("https:/example.com/", "https:example.com/", "https:\\\\example.com/",
                    "x:https://example.com/", "https://example.com:80:80/", "https://example.com:/",
                    "https://example.com:+443/", "https://@example.com/", "https://:@example.com/",
                    "https://a%40b.example/", "https://%65xample.com/", "https://example%2ecom/",
                    "https://example.com%00.evil.example/", "https://exa\tmple.com/", "https://example..com/",
                    "https://.example.com/", "https://example.com../", "https://exa*mple.com/",
                    "https://ex!ample.com/"));

INSTANTIATE_TEST_SUITE_P(AddressForms, BadUrlTest,
                         testing::Values("https://2130706433/", "https://0x7f000001/",
                                         "https://017700000001/", "https://127.1/", "https://127.0.1/",
                                         "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://127.0.0.01/",
                                         "https://127.0.0.256/", "https://1.2.3.4.5/", "https://a.1/",
                                         "https://a.0x/", "https://[::1%25lo]/", "https://[::1%lo]/",
                                         "https://[fe80::1%251]/", "https://[::1/", "https://::1/",
                                         "https://[127.0.0.1]/", "https://[v1.x]/", "https://[::1]x/",
                                         "https://[1::2::3]/", "https://[::127.1]/"));

TEST(ParseHttpUrl, WritesHostsInOneWay) {
    EXPECT_EQ(parse_http_url("https://API.example.COM.:443/", "u")->host, "api.example.com");
    EXPECT_EQ(parse_http_url("https://127.0.0.1./", "u")->host, "127.0.0.1");
    EXPECT_EQ(parse_http_url("https://[0:0::FFFF:127.0.0.1]/", "u")->host, "::ffff:127.0.0.1");
    EXPECT_EQ(parse_http_url("https://[2001:DB8:0:0::1]/", "u")->host, "2001:db8::1");
    EXPECT_EQ(parse_http_url("https://a.example:00443?x", "u")->port, 443);
    EXPECT_EQ(parse_http_url("https://xn--bcher-kva.example#x", "u")->host, "xn--bcher-kva.example");
}

struct MergeCase {
    const char *url;
    QueryParams params;
    const char *expected;
};

class WithQueryTest : public testing::TestWithParam<MergeCase> {};

TEST_P(WithQueryTest, Merges) {
    EXPECT_EQ(with_query(GetParam().url, GetParam().params), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, WithQueryTest,
    testing::Values(
        MergeCase{"https://a/b", {{"status", "success"}}, "https://a/b?status=success"},
        MergeCase{"https://a/b?x=1", {{"status", "error"}}, "https://a/b?x=1&status=error"},
        MergeCase{"https://a/b?x=1#frag?y", {{"s", "1"}}, "https://a/b?x=1&s=1#frag?y"},
        MergeCase{"https://a/b#f", {{"s", "1"}}, "https://a/b?s=1#f"},
        // What stands there already under our names could fool whoever reads the first one.
        MergeCase{
            "https://a/b?status=success&x=%20", {{"status", "error"}}, "https://a/b?x=%20&status=error"},
        MergeCase{"https://a/b?%73tatus=success", {{"status", "error"}}, "https://a/b?status=error"},
        MergeCase{"https://a/b?", {{"s", "1"}}, "https://a/b?s=1"},
        MergeCase{"https://a/b?x=1", {}, "https://a/b?x=1"},
        MergeCase{"https://a/b", {{"s", "a b&c=\xc3\xa4"}}, "https://a/b?s=a%20b%26c%3D%C3%A4"}));

}  // namespace
}  // namespace nexus::control
