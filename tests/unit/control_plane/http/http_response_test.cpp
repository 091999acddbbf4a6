#include <gtest/gtest.h>

#include "control_plane/http/http_client.h"

namespace nexus::control {
namespace {

int64_t retry_after(const std::string &value) {
    HttpResponse response;
    response.headers.emplace_back("retry-after", value);
    return response.retry_after_s(784111777000);  // Sun, 06 Nov 1994 08:49:37 GMT
}

TEST(RetryAfter, ReadsBothForms) {
    EXPECT_EQ(retry_after("120"), 120);
    EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:50:37 GMT"), 60);
    EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:48:37 GMT"), 0);
    EXPECT_EQ(retry_after("999999999"), 86400);
    EXPECT_EQ(retry_after("-5"), 0);
    EXPECT_EQ(retry_after("soon"), 0);
    EXPECT_EQ(HttpResponse().retry_after_s(0), 0);
}

TEST(FormEncode, FollowsTheUrlStandard) {
    EXPECT_EQ(form_encode("a b&c=d+e%"), "a+b%26c%3Dd%2Be%25");
    EXPECT_EQ(form_encode("\xc3\xa9~*-._"), "%C3%A9%7E*-._");
}

}  // namespace
}  // namespace nexus::control
