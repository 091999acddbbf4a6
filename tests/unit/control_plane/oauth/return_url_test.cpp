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

}  // namespace
}  // namespace nexus::control
