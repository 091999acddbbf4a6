// Where a browser may be sent back to.
#include "control_plane/oauth/return_url.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

struct ReturnCase {
    const char *url;
    bool allowed;
};

class ReturnUrlTest : public testing::TestWithParam<ReturnCase> {};

TEST_P(ReturnUrlTest, Decides) {
    HostRules rules{"app.example.com", "*.example.org",     "localhost",       "127.0.0.1",
                    "[::1]",           "only.example:8443", "127.evil.example"};
    Result<void> got = check_return_url(GetParam().url, rules);
    EXPECT_EQ(got.has_value(), GetParam().allowed) << GetParam().url;
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ReturnUrlTest,
    testing::Values(
        ReturnCase{"https://app.example.com/x?y=1#z", true}, ReturnCase{"https://app.example.com:444/", true},
        ReturnCase{"http://app.example.com/", false},  // plain http only on loopback
        ReturnCase{"https://a.example.org/", true}, ReturnCase{"https://example.org/", false},
        ReturnCase{"https://app.example.com.evil.example/", false},
        ReturnCase{"https://evil.example/?app.example.com", false},
        ReturnCase{"https://app.example.com@evil.example/", false},
        ReturnCase{"http://localhost:3000/done", true}, ReturnCase{"http://127.0.0.1:3000/", true},
        ReturnCase{"http://[::1]:3000/", true}, ReturnCase{"http://127.evil.example/", false},
        ReturnCase{"https://only.example:8443/", true}, ReturnCase{"https://only.example/", false},
        ReturnCase{"javascript:alert(1)", false}, ReturnCase{"", false}));

class OriginRuleTest : public testing::TestWithParam<ReturnCase> {};

TEST_P(OriginRuleTest, Decides) {
    HostRules rules{"https://app.example.com", "https://b.example.com:8443", "http://app.internal:8080",
                    "https://*.example.org",   "http://[::1]:3000",          "https://localhost"};
    EXPECT_EQ(check_return_url(GetParam().url, rules).has_value(), GetParam().allowed) << GetParam().url;
}

INSTANTIATE_TEST_SUITE_P(
    SchemeAndPort, OriginRuleTest,
    testing::Values(
        ReturnCase{"https://app.example.com/", true}, ReturnCase{"https://app.example.com:443/x", true},
        ReturnCase{"https://app.example.com:0443/", true}, ReturnCase{"HTTPS://APP.example.COM?x#y", true},
        ReturnCase{"https://app.example.com:444/", false}, ReturnCase{"http://app.example.com/", false},
        ReturnCase{"http://app.example.com:443/", false}, ReturnCase{"https://b.example.com:8443/", true},
        ReturnCase{"https://b.example.com/", false}, ReturnCase{"http://app.internal:8080/", true},
        ReturnCase{"https://app.internal:8080/", false}, ReturnCase{"http://app.internal/", false},
        ReturnCase{"https://x.example.org/", true}, ReturnCase{"https://x.example.org:444/", false},
        ReturnCase{"https://example.org/", false}, ReturnCase{"http://[::1]:3000/", true},
        ReturnCase{"http://[0:0::1]:3000/", true}, ReturnCase{"http://[::1]:3001/", false},
        ReturnCase{"http://localhost/", false}, ReturnCase{"https://localhost/", true}));

INSTANTIATE_TEST_SUITE_P(
    Tricky, OriginRuleTest,
    testing::Values(
        ReturnCase{"https://app.example.com\\@evil.example/", false},
        ReturnCase{"https://evil.example\\.app.example.com/", false},
        ReturnCase{"https:\\\\app.example.com/", false}, ReturnCase{"https:/app.example.com/", false},
        ReturnCase{"https:///app.example.com/", false}, ReturnCase{"//app.example.com/", false},
        ReturnCase{"https://app.example.com@evil.example/", false},
        ReturnCase{"https://app.example.com:443@evil.example/", false},
        ReturnCase{"https://user@app.example.com/", false},
        ReturnCase{"https://evil.example#@app.example.com/", false},
        ReturnCase{"https://evil.example?@app.example.com/", false},
        ReturnCase{"https://app.example.com.evil.example/", false},
        ReturnCase{"https://evil-app.example.com/", false}, ReturnCase{"https://app.example.com./", true},
        ReturnCase{"https://app.example.com../", false}, ReturnCase{"https://.app.example.com/", false},
        ReturnCase{"https://app%2eexample.com/", false}, ReturnCase{"https://app.example.com%00/", false},
        ReturnCase{"https://app.example.com%2f@evil.example/", false},
        ReturnCase{"https://app\xe3\x80\x82"
                   "example.com/",
                   false},                                     // an ideographic full stop
        ReturnCase{"https://\xd0\xb0pp.example.com/", false},  // a Cyrillic letter
        ReturnCase{"https://app.example.com\t/", false},
        ReturnCase{"https://app.example.com\r\nX: y/", false}, ReturnCase{" https://app.example.com/", false},
        ReturnCase{"https://app.example.com:/", false}, ReturnCase{"https://app.example.com:443:443/", false},
        ReturnCase{"https://app.example.com:65979/", false}, ReturnCase{"http://[::1%25lo]:3000/", false},
        ReturnCase{"http://[::ffff:127.0.0.1]:3000/", false}, ReturnCase{"myapp://app.example.com/", false},
        ReturnCase{"data:text/html,x", false}, ReturnCase{"blob:https://app.example.com/x", false},
        ReturnCase{"view-source:https://app.example.com/", false}));

TEST(ReturnUrl, SaysWhatIsWrong) {
    EXPECT_EQ(check_return_url("http://app.example.com/", {"app.example.com"}).error().message,
              "return_url must use https");
    EXPECT_EQ(check_return_url("https://evil.example/", {"app.example.com"}).error().errc,
              Errc::kReturnUrlNotAllowed);
    EXPECT_EQ(check_return_url("https://a@b/", {"b"}).error().errc, Errc::kInvalidRequest);
}

}  // namespace
}  // namespace nexus::control
