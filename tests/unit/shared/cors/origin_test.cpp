#include "shared/cors/origin.h"

#include <gtest/gtest.h>

namespace nexus::cors {
namespace {

struct OriginCase {
    std::string_view entry;
    std::string_view origin;
};

OriginSet set_of(std::string_view entry) {
    OriginSet set;
    const Result<void> added = set.add(entry);
    EXPECT_TRUE(added) << (added ? "" : added.error().message);
    return set;
}

class Allowed : public testing::TestWithParam<OriginCase> {};

TEST_P(Allowed, ByItsEntry) {
    EXPECT_TRUE(set_of(GetParam().entry).allows(GetParam().origin))
        << GetParam().entry << " " << GetParam().origin;
}

INSTANTIATE_TEST_SUITE_P(
    Origins, Allowed,
    testing::Values(OriginCase{"https://app.example.org", "https://app.example.org"},
                    OriginCase{"HTTPS://App.Example.ORG", "https://app.example.org"},
                    OriginCase{"https://app.example.org:443", "https://app.example.org"},
                    OriginCase{"https://app.example.org:8443", "https://app.example.org:8443"},
                    OriginCase{"https://app.example.org:80", "https://app.example.org:80"},
                    OriginCase{"http://app.example.org:80", "http://app.example.org"},
                    OriginCase{"http://app.example.org:443", "http://app.example.org:443"},
                    OriginCase{"http://localhost", "http://localhost"},
                    OriginCase{"http://localhost:3000", "http://localhost:3000"},
                    OriginCase{"http://127.0.0.1:3000", "http://127.0.0.1:3000"},
                    OriginCase{"http://[::1]:3000", "http://[::1]:3000"},
                    OriginCase{"http://[0:0:0:0:0:0:0:1]", "http://[::1]"},
                    OriginCase{"https://[2001:DB8::1]:443", "https://[2001:db8::1]"},
                    OriginCase{"https://xn--bcher-kva.example", "https://xn--bcher-kva.example"},
                    OriginCase{"https://my_host.example", "https://my_host.example"},
                    OriginCase{"https://a", "https://a"},
                    OriginCase{"capacitor://localhost", "capacitor://localhost"},
                    OriginCase{"chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"},
                    OriginCase{"null", "null"}, OriginCase{"*", "https://anything.example"},
                    OriginCase{"*", "null"}, OriginCase{"*", ""},
                    OriginCase{"https://*.example.org", "https://app.example.org"},
                    OriginCase{"https://*.example.org", "https://a.b.c.example.org"},
                    OriginCase{"https://*.example.org", "https://xn--bcher-kva.example.org"},
                    OriginCase{"https://*.example.org", "https://a-1_2.example.org"},
                    OriginCase{"https://*.Example.org:443", "https://app.example.org"},
                    OriginCase{"https://*.example.org:8443", "https://app.example.org:8443"},
                    OriginCase{"http://*.localhost:3000", "http://app.localhost:3000"},
                    OriginCase{"https://*.co.example", "https://a.co.example"}));

class NotAllowed : public testing::TestWithParam<OriginCase> {};

TEST_P(NotAllowed, ByItsEntry) {
    EXPECT_FALSE(set_of(GetParam().entry).allows(GetParam().origin))
        << GetParam().entry << " " << GetParam().origin;
}

INSTANTIATE_TEST_SUITE_P(
    Origins, NotAllowed,
    testing::Values(
        OriginCase{"https://app.example.org", "http://app.example.org"},
        OriginCase{"http://app.example.org", "https://app.example.org"},
        OriginCase{"https://app.example.org", "https://app.example.org:8443"},
        OriginCase{"https://app.example.org", "https://app.example.org:443"},  // no browser writes it so
        OriginCase{"https://app.example.org", "https://APP.example.org"},
        OriginCase{"https://app.example.org", "https://app.example.org/"},
        OriginCase{"https://app.example.org", "https://app.example.org."},
        OriginCase{"https://app.example.org", "https://app.example.org.evil.example"},
        OriginCase{"https://app.example.org", "https://evil-app.example.org"},
        OriginCase{"https://app.example.org", "https://example.org"},
        OriginCase{"https://app.example.org", "https://app.example.org, https://evil.example"},
        OriginCase{"https://app.example.org", "app.example.org"}, OriginCase{"https://app.example.org", ""},
        OriginCase{"https://app.example.org", "null"}, OriginCase{"https://app.example.org", "*"},
        OriginCase{"https://app.example.org:8443", "https://app.example.org"},
        OriginCase{"http://127.0.0.1", "http://127.1"}, OriginCase{"http://[::1]", "http://::1"},
        OriginCase{"null", "https://app.example.org"}, OriginCase{"null", "NULL"}, OriginCase{"null", ""},
        OriginCase{"https://*.example.org", "https://example.org"},
        OriginCase{"https://*.example.org", "http://app.example.org"},
        OriginCase{"https://*.example.org", "https://app.example.org:8443"},
        OriginCase{"https://*.example.org", "https://badexample.org"},
        OriginCase{"https://*.example.org", "https://.example.org"},
        OriginCase{"https://*.example.org", "https://a..example.org"},
        OriginCase{"https://*.example.org", "https://.a.example.org"},
        OriginCase{"https://*.example.org", "https://APP.example.org"},
        OriginCase{"https://*.example.org", "https://app.example.org.evil.example"},
        OriginCase{"https://*.example.org", "https://evil.example/.example.org"},
        OriginCase{"https://*.example.org", "https://evil.example?.example.org"},
        OriginCase{"https://*.example.org", "https://evil.example#.example.org"},
        OriginCase{"https://*.example.org", "https://evil.example:1.example.org"},
        OriginCase{"https://*.example.org", "https://user@a.example.org"},
        OriginCase{"https://*.example.org", "https://evil.example\\.example.org"},
        OriginCase{"https://*.example.org", "https://evil.example .example.org"},
        OriginCase{"https://*.example.org", std::string_view("https://evil.example\0.example.org", 33)},
        OriginCase{"https://*.example.org", "https://[::1].example.org"},
        OriginCase{"https://*.example.org", "null"},
        OriginCase{"https://*.example.org:8443", "https://app.example.org"}));

class Refused : public testing::TestWithParam<std::string_view> {};

TEST_P(Refused, NamesTheEntry) {
    OriginSet set;
    const Result<void> added = set.add(GetParam());
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().errc, Errc::kInvalidRequest);
    EXPECT_NE(added.error().message.find(GetParam().substr(0, 100)), std::string::npos)
        << added.error().message;
    EXPECT_TRUE(set.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Entries, Refused,
    testing::Values("", "example.org", "NULL", "all", "https://", "https:///", "//example.org",
                    "https://example.org/", "https://example.org/path", "https://example.org?x",
                    "https://example.org#x", "https://user@example.org", "https://example.org:0",
                    "https://example.org:65536", "https://example.org:x",
                    "https://example.org:", "https://example.org.", "https://example.org.:8443", "https://*",
                    "https://*.", "https://**.a.b", "https://*.*.example.org", "https://a*.example.org",
                    "https://a.*.example.org", "https://*.org", "https://*.org:8443", "https://*.0.0.1",
                    "https://*.[::1]", "https://*.example.org.", "https://b\xc3\xbc\x63her.example",
                    "https://a b", "https://127.1", "https://0x7f000001", "https://[::ffff:1.2.3.4]",
                    "https://::1", "1https://a.example", "ht_tps://a.example"));

TEST(OriginSet, HoldsSeveral) {
    OriginSet set;
    EXPECT_TRUE(set.empty());
    for (const std::string_view entry : {"https://a.example", "https://*.b.example", "null"}) {
        ASSERT_TRUE(set.add(entry));
    }
    EXPECT_FALSE(set.empty());
    EXPECT_TRUE(set.allows_null());
    EXPECT_FALSE(set.allows_any());
    for (const std::string_view origin : {"https://a.example", "https://x.b.example", "null"}) {
        EXPECT_TRUE(set.allows(origin)) << origin;
    }
    EXPECT_FALSE(set.allows("https://c.example"));
}

TEST(OriginSet, NamesEndSomewhere) {
    const OriginSet set = set_of("https://*.example.org:8443");
    const auto origin = [](size_t labels) {
        return "https://" + std::string(labels, 'a') + ".example.org:8443";
    };
    EXPECT_TRUE(set.allows(origin(241)));  // 253 characters without the port
    EXPECT_FALSE(set.allows(origin(242)));
}

TEST(OriginSet, EmptyAllowsNobody) {
    EXPECT_FALSE(OriginSet{}.allows("null"));
    EXPECT_FALSE(OriginSet{}.allows(""));
    EXPECT_FALSE(OriginSet{}.allows("https://a.example"));
}

TEST(OriginOfHost, ComparesHostAndPort) {
    EXPECT_TRUE(is_origin_of_host("https://a.example", "a.example"));
    EXPECT_TRUE(is_origin_of_host("http://a.example", "A.example"));
    EXPECT_TRUE(is_origin_of_host("http://a.example:8080", "a.example:8080"));
    EXPECT_FALSE(is_origin_of_host("http://a.example:8080", "a.example"));
    EXPECT_FALSE(is_origin_of_host("http://a.example", "b.example"));
    EXPECT_FALSE(is_origin_of_host("null", "null"));
    EXPECT_FALSE(is_origin_of_host("https://", ""));
}

}  // namespace
}  // namespace nexus::cors
