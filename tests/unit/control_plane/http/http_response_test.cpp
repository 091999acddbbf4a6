#include <gtest/gtest.h>

#include "control_plane/http/freshness.h"
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

TEST(RetryAfter, CountsAFractionAsAWholeSecond) {
    EXPECT_EQ(retry_after("2.0"), 2);
    EXPECT_EQ(retry_after("64.57"), 65);
    EXPECT_EQ(retry_after("1.5s"), 0);
}

int64_t retry_after(int status, const std::vector<std::pair<std::string, std::string>> &headers) {
    HttpResponse response;
    response.status = status;
    response.headers = headers;
    return response.retry_after_s(1800000000000);
}

TEST(RetryAfter, IsTheWindowsEndWhereThereIsNone) {
    EXPECT_EQ(retry_after(429, {{"ratelimit-reset", "17"}}), 17);
    EXPECT_EQ(retry_after(429, {{"x-ratelimit-reset", "1800000042"}}), 42);
    EXPECT_EQ(retry_after(429, {{"x-ratelimit-reset", "1800000042.5"}}), 43);
    EXPECT_EQ(retry_after(429, {{"x-ratelimit-reset", "1800000042000"}}), 42) << "milliseconds";
    EXPECT_EQ(retry_after(429, {{"x-rate-limit-reset", "1799999990"}}), 0) << "over";
    EXPECT_EQ(retry_after(429, {{"x-ratelimit-reset", "1900000000"}}), 86400);
    EXPECT_EQ(retry_after(429, {{"ratelimit-reset", "soon"}}), 0);
    EXPECT_EQ(retry_after(429, {{"retry-after", "5"}, {"ratelimit-reset", "17"}}), 5);
    EXPECT_EQ(retry_after(429, {{"retry-after", "soon"}, {"ratelimit-reset", "17"}}), 0);
}

TEST(RetryAfter, AWindowThatIsNotUsedUpIsOfNoInterest) {
    EXPECT_EQ(retry_after(500, {{"x-ratelimit-reset", "1800000042"}}), 0);
    EXPECT_EQ(retry_after(403, {{"x-ratelimit-remaining", "9"}, {"x-ratelimit-reset", "1800000042"}}), 0);
    EXPECT_EQ(retry_after(403, {{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "1800000042"}}), 42);
}

TEST(FormEncode, FollowsTheUrlStandard) {
    EXPECT_EQ(form_encode("a b&c=d+e%"), "a+b%26c%3Dd%2Be%25");
    EXPECT_EQ(form_encode("\xc3\xa9~*-._"), "%C3%A9%7E*-._");
}

using Headers = std::vector<std::pair<std::string, std::string>>;

struct FreshCase {
    Headers headers;
    std::optional<int64_t> seconds;
};

TEST(Freshness, FollowsRfc9111) {
    const std::pair<std::string, std::string> date{"date", "Sun, 06 Nov 1994 08:49:37 GMT"};
    const FreshCase cases[] = {
        {{}, std::nullopt},
        {{date}, std::nullopt},
        {{{"cache-control", "public, max-age=3600"}}, 3600},
        {{{"cache-control", "Max-Age = \"60\" , s-maxage=5"}}, 60},
        {{{"cache-control", "max-age=3600"}, {"age", "600"}}, 3000},
        {{{"cache-control", "max-age=10"}, {"age", "600"}}, 0},
        {{{"cache-control", "max-age=10"}, {"expires", "Sun, 06 Nov 1994 09:49:37 GMT"}, date}, 10},
        {{{"cache-control", "max-age=99999999999999999999"}}, 365 * 24 * 3600},
        {{{"cache-control", "max-age=-1"}}, 0},
        {{{"cache-control", "max-age"}}, 0},
        {{{"cache-control", "max-age=soon"}}, 0},
        {{{"cache-control", "max-age=60, no-store"}}, 0},
        {{{"cache-control", "no-cache"}}, 0},
        {{{"cache-control", ",,private,"}}, std::nullopt},
        {{{"expires", "Sun, 06 Nov 1994 09:49:37 GMT"}, date}, 3600},
        {{{"expires", "Sun, 06 Nov 1994 08:50:37 GMT"}}, 60},
        {{{"expires", "Sun, 06 Nov 1994 08:48:37 GMT"}, date}, 0},
        {{{"expires", "0"}}, 0},
        {{{"expires", "never"}}, 0},
    };
    for (const FreshCase &one : cases) {
        HttpResponse response;
        response.headers = one.headers;
        EXPECT_EQ(fresh_for_s(response, 784111777000), one.seconds)
            << (one.headers.empty() ? "" : one.headers.front().second);
    }
}

}  // namespace
}  // namespace nexus::control
