#include "ngx_module/redis/parse_url.h"

#include <gtest/gtest.h>

namespace nexus::edge::redis {
namespace {

TEST(RedisUrlTest, TakesHostsSocketsAndDatabases) {
    const struct {
        std::string_view url;
        std::string_view address;
        unsigned database;
    } cases[] = {
        {"redis://localhost", "localhost", 0},
        {"redis://10.0.0.1:6380/3", "10.0.0.1:6380", 3},
        {"redis://[::1]:6379/", "[::1]:6379", 0},
        {"unix:/run/redis.sock", "unix:/run/redis.sock", 0},
    };
    for (const auto &one : cases) {
        const auto url = parse_url(one.url);
        ASSERT_TRUE(url) << one.url;
        EXPECT_EQ(url->address, one.address);
        EXPECT_EQ(url->database, one.database);
    }
}

TEST(RedisUrlTest, RefusesWhatItCannotDo) {
    for (const std::string_view url :
         {"", "redis", "redis://", "redis:///1", "rediss://host", "sentinel://a/b", "cluster://a",
          "http://host", "redis://user:password@host", "redis://host/-1", "redis://host/1x",
          "redis://host/1024", "redis://host?db=1", "unix:", "unix:relative", "unix:/a:b"}) {
        const auto parsed = parse_url(url);
        EXPECT_FALSE(parsed) << url;
    }
}

TEST(RedisUrlTest, DoesNotRepeatCredentials) {
    const auto parsed = parse_url("redis://user:s3cret@host");
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().message.find("s3cret"), std::string::npos);
}

}  // namespace
}  // namespace nexus::edge::redis
