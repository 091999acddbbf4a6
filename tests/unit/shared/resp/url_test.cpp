#include "shared/resp/url.h"

#include <gtest/gtest.h>

namespace nexus::resp {
namespace {

using Kind = Url::Kind;

TEST(RedisUrlTest, TakesHostsSocketsAndDatabases) {
    const struct {
        std::string_view url;
        Kind kind;
        bool tls;
        std::vector<std::string> addresses;
        std::string_view master_name;
        unsigned database;
    } cases[] = {
        {"redis://localhost", Kind::kServer, false, {"localhost"}, "", 0},
        {"redis://10.0.0.1:6380/3", Kind::kServer, false, {"10.0.0.1:6380"}, "", 3},
        {"rediss://[::1]:6379/", Kind::kServer, true, {"[::1]:6379"}, "", 0},
        {"unix:/run/redis.sock", Kind::kServer, false, {"unix:/run/redis.sock"}, "", 0},
        {"unix:/run/a@b.sock", Kind::kServer, false, {"unix:/run/a@b.sock"}, "", 0},
        {"sentinel://a,b:26380/my-master", Kind::kSentinel, false, {"a", "b:26380"}, "my-master", 0},
        {"sentinels://[::1]/m.1/7", Kind::kSentinel, true, {"[::1]"}, "m.1", 7},
        {"cluster://a:1,b:2,c:3", Kind::kCluster, false, {"a:1", "b:2", "c:3"}, "", 0},
        {"clusters://a", Kind::kCluster, true, {"a"}, "", 0},
    };
    for (const auto &one : cases) {
        const auto url = parse_url(one.url);
        ASSERT_TRUE(url) << one.url;
        EXPECT_EQ(url->kind, one.kind) << one.url;
        EXPECT_EQ(url->tls, one.tls) << one.url;
        EXPECT_EQ(url->addresses, one.addresses) << one.url;
        EXPECT_EQ(url->master_name, one.master_name) << one.url;
        EXPECT_EQ(url->database, one.database) << one.url;
    }
}

TEST(RedisUrlTest, RefusesWhatItCannotDo) {
    for (const std::string_view url : {"",
                                       "redis",
                                       "redis://",
                                       "redis:///1",
                                       "http://host",
                                       "redis://user:password@host",
                                       "redis://host/-1",
                                       "redis://host/1x",
                                       "redis://host/1024",
                                       "redis://host?db=1",
                                       "redis://a,b",
                                       "redis://host/1/2",
                                       "unix:",
                                       "unix:relative",
                                       "unix:/a:b",
                                       "sentinel://a,b",
                                       "sentinel://a/",
                                       "sentinel:///m",
                                       "sentinel://a,/m",
                                       "sentinel://a,,b/m",
                                       "sentinel://,a/m",
                                       "sentinel://a/m m",
                                       "sentinel://a/m/x",
                                       "cluster://",
                                       "cluster://a/1",
                                       "cluster://a,",
                                       "cluster://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"}) {
        const auto parsed = parse_url(url);
        EXPECT_FALSE(parsed) << url;
    }
}

TEST(RedisUrlTest, DoesNotRepeatCredentials) {
    for (const std::string_view url : {"redis://user:s3cret@host", "sentinel://:s3cret@host/m"}) {
        const auto parsed = parse_url(url);
        ASSERT_FALSE(parsed);
        EXPECT_EQ(parsed.error().message.find("s3cret"), std::string::npos);
    }
}

}  // namespace
}  // namespace nexus::resp
