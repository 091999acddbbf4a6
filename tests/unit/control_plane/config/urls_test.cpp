#include "control_plane/config/urls.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

TEST(IsLoopbackHost, KnowsLoopbackOnly) {
    for (const char *host : {"localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"}) {
        EXPECT_TRUE(is_loopback_host(host)) << host;
    }
    for (const char *host : {"", "localhost.example.com", "128.0.0.1", "127.0.0.1.example.com", "::2",
                             "0.0.0.0", "2130706433", "127.1"}) {
        EXPECT_FALSE(is_loopback_host(host)) << host;
    }
}

TEST(ParseBaseUrl, KeepsPathWithoutTrailingSlash) {
    EXPECT_EQ(parse_base_url("https://a.example/nexus//")->text, "https://a.example/nexus");
    EXPECT_EQ(parse_base_url("http://localhost:8090")->host_port, "localhost:8090");
    EXPECT_EQ(parse_base_url("http://[::1]:8090")->text, "http://[::1]:8090");
    for (const char *url :
         {"ftp://a", "https://", "https://a b", "https://a/#x", "http://127.0.0.1.example.com", "x"}) {
        EXPECT_FALSE(parse_base_url(url)) << url;
    }
}

TEST(ParseReturnRule, TakesHostsAndOrigins) {
    const auto rule = [](std::string_view text) { return parse_return_rule(text).value(); };
    EXPECT_EQ(rule("app.example").scheme, "");
    EXPECT_EQ(rule("app.example:8443").port, 8443);
    EXPECT_EQ(rule("*.app.example").host, "*.app.example");
    EXPECT_EQ(rule("HTTPS://app.example").scheme, "https");
    EXPECT_EQ(rule("https://app.example").host, "app.example");
    EXPECT_EQ(rule("http://[::1]:3000").port, 3000);
    EXPECT_EQ(rule("https://*.app.example:444").port, 444);
    for (const char *text : {"", "*", "*.", "https://", "https:app.example", "https://app.example/",
                             "app.example/x", "myapp://callback", "ftp://app.example", "://app.example",
                             "https://https://app.example", "https://u@app.example", "https://app.example:0",
                             "https://app.example:x", "a.*.example", "https://127.1", "::1", "app example"}) {
        EXPECT_FALSE(parse_return_rule(text)) << text;
    }
}

TEST(ParseRedisUrl, ReadsAllParts) {
    const Result<RedisTarget> target =
        parse_redis_url(Secret(std::string_view("redis://app:p%40ss@[::1]:6380/2")));
    ASSERT_TRUE(target);
    EXPECT_EQ(target->servers, (std::vector<resp::HostPort>{{"::1", 6380}}));
    EXPECT_EQ(target->database, 2);
    EXPECT_EQ(target->login.username.view(), "app");
    EXPECT_EQ(target->login.password.view(), "p@ss");
    EXPECT_EQ(target->describe(), "redis://[::1]:6380/2");
    for (const char *url : {"", "://", "redis:/", "x@", "redis://", "redis://u:p@", "redis://host:99999",
                            "redis://u:%zz@h", "unix:relative", "unix:/a?x=1", "unix:/a?db=1024",
                            "unix:/a?db=1x", "redis://a,b", "sentinel://a", "cluster://a/1", "http://a"}) {
        EXPECT_FALSE(parse_redis_url(Secret(std::string_view(url)))) << url;
    }
}

TEST(ParseRedisUrl, ReadsEveryKind) {
    const auto parse = [](std::string_view url) { return *parse_redis_url(Secret(url)); };
    EXPECT_EQ(parse("unix:///run/r.sock?db=7").unix_path, "/run/r.sock");
    EXPECT_EQ(parse("unix:/run/r.sock?db=7").database, 7);
    EXPECT_TRUE(parse("rediss://redis.example").tls.is_on);
    const RedisTarget sentinel = parse("sentinels://:s3cret@10.0.0.1,[::1]:5000/nexus/3");
    EXPECT_EQ(sentinel.kind, resp::Url::Kind::kSentinel);
    EXPECT_EQ(sentinel.master_name, "nexus");
    EXPECT_EQ(sentinel.login.password.view(), "s3cret");
    EXPECT_EQ(sentinel.describe(), "sentinels://10.0.0.1:26379,[::1]:5000/nexus/3");
    EXPECT_EQ(sentinel.clone().describe(), sentinel.describe());
    EXPECT_EQ(parse("cluster://a:7000,b").describe(), "cluster://a:7000,b:6379");
}

TEST(ParseDatabaseUrl, TakesSqlitePaths) {
    EXPECT_EQ(parse_database_url(Secret(std::string_view("sqlite:/var/lib/n.db")), {})->path,
              "/var/lib/n.db");
    EXPECT_EQ(parse_database_url(Secret(std::string_view("sqlite:///var/lib/n.db")), {})->path,
              "/var/lib/n.db");
    EXPECT_FALSE(parse_database_url(Secret(std::string_view("sqlite:file:x?mode=memory")), {}));
}

}  // namespace
}  // namespace nexus::control
