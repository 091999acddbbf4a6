#include "control_plane/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <algorithm>
#include <cstdio>
#include <fstream>

#include "shared/crypto/random.h"
#include "shared/encoding/base64.h"

namespace nexus::control {
namespace {

std::string new_key() {
    return encoding::base64_encode(crypto::random_bytes(32));
}

Environment good() {
    return {{"BASE_URL", "https://nexus.example.com/"},
            {"ENCRYPTION_KEY", new_key()},
            {"CACHE_KEY", new_key()},
            {"STATE_KEY", new_key()},
            {"API_KEY", new_key()}};
}

std::vector<ConfigProblem> problems(const Environment &environment) {
    auto parsed = parse_config(environment);
    return parsed ? std::vector<ConfigProblem>() : parsed.error();
}

/// The one problem's sentence, or all of them.
std::string sentence(const Environment &environment) {
    std::string text;
    for (const ConfigProblem &problem : problems(environment)) {
        text += problem.sentence + "\n";
    }
    return text;
}

TEST(Config, HasSafeDefaults) {
    const auto config = parse_config(good());
    ASSERT_TRUE(config);
    EXPECT_EQ(config->listen, "127.0.0.1");
    EXPECT_EQ(config->port, 8080);
    EXPECT_EQ(config->redirect_uri(), "https://nexus.example.com/auth/callback");
    EXPECT_EQ(config->database.kind, DatabaseKind::kSqlite);
    EXPECT_EQ(config->database.path, "nexus.db");
    EXPECT_EQ(config->redis.describe(), "redis://localhost:6379/0");
    for (const Network network :
         {Network::kControl, Network::kTokens, Network::kEdge, Network::kAdmin, Network::kMetrics}) {
        EXPECT_TRUE(config->networks.allow(network, "127.0.0.1"));
        EXPECT_FALSE(config->networks.allow(network, "192.0.2.1"));
        EXPECT_FALSE(config->networks.allow(network, ""));
        EXPECT_FALSE(config->networks.allow(network, "localhost"));
    }
    EXPECT_EQ(config->trusted_proxies.size(), 2u);
    EXPECT_TRUE(config->egress_allowed_cidrs.empty());
    EXPECT_THAT(config->allowed_return_domains,
                testing::UnorderedElementsAre("localhost", "127.0.0.1", "[::1]", "nexus.example.com"));
    EXPECT_EQ(config->state_keys.size(), 1u);
    EXPECT_EQ(config->state_keys.front().size(), 32u);
}

TEST(Config, NetworksByGroup) {
    Environment environment = good();
    environment["ALLOWED_CIDRS"] = "10.0.0.0/8";
    environment["ALLOWED_CIDRS_TOKENS"] = "10.1.0.0/16";
    const auto config = parse_config(environment);
    ASSERT_TRUE(config);
    EXPECT_TRUE(config->networks.allow(Network::kEdge, "10.2.0.1")) << "unset: as ALLOWED_CIDRS";
    EXPECT_FALSE(config->networks.allow(Network::kTokens, "10.2.0.1"));
    EXPECT_TRUE(config->networks.allow(Network::kTokens, "10.1.0.1"));
    for (const char *name : {"ALLOWED_CIDRS", "ALLOWED_CIDRS_TOKENS", "ALLOWED_CIDRS_EDGE",
                             "ALLOWED_CIDRS_ADMIN", "ALLOWED_CIDRS_METRICS", "TRUSTED_PROXIES"}) {
        Environment bad = good();
        bad[name] = "10.0.0.0/8,nonsense";
        EXPECT_THAT(sentence(bad), testing::StartsWith(std::string{name} + " must be a list")) << name;
        EXPECT_THAT(sentence(bad), testing::HasSubstr("\"nonsense\" is not an address or network")) << name;
    }
}

TEST(Config, GuardsAreTurnedOffByNameOnly) {
    Environment environment = good();
    environment["REQUIRE_ALLOWLIST"] = "false";
    auto config = parse_config(environment);
    ASSERT_TRUE(config);
    EXPECT_TRUE(config->networks.allow(Network::kAdmin, "192.0.2.1"));
    EXPECT_FALSE(config->networks.is_on());
    environment["REQUIRE_ALLOWLIST"] = "off";
    EXPECT_THAT(sentence(environment), testing::HasSubstr("REQUIRE_ALLOWLIST must be true or false"));
    for (const char *name : {"REQUIRE_API_KEY", "ENFORCE_RETURN_URL"}) {
        environment = good();
        environment[name] = "false";
        EXPECT_THAT(sentence(environment), testing::HasSubstr(std::string{name} + " cannot be false"));
    }
}

TEST(Config, EmptyMeansUnset) {
    Environment environment = good();
    environment["PORT"] = "";
    environment["REDIS_URL"] = " ";
    EXPECT_TRUE(parse_config(environment));
}

TEST(Config, ReportsAllProblemsAtOnce) {
    const auto found = problems({{"PORT", "70000"}, {"LISTEN", "0.0.0.0"}, {"LOG_LEVEL", "loud"}});
    std::vector<std::string> names;
    for (const ConfigProblem &problem : found) {
        names.push_back(problem.variable);
        EXPECT_TRUE(problem.sentence.starts_with(problem.variable + " ")) << problem.sentence;
    }
    EXPECT_THAT(names, testing::UnorderedElementsAre("BASE_URL", "PORT", "LISTEN", "ENCRYPTION_KEY",
                                                     "CACHE_KEY", "STATE_KEY", "API_KEY", "LOG_LEVEL"));
}

struct BadCase {
    const char *name;
    const char *variable;
    std::string value;
    const char *says;
};
class Bad : public testing::TestWithParam<BadCase> {};

TEST_P(Bad, IsRefusedInOneSentenceWithoutTheSecret) {
    Environment environment = good();
    environment[GetParam().variable] = GetParam().value;
    const auto found = problems(environment);
    ASSERT_EQ(found.size(), 1u) << sentence(environment);
    EXPECT_THAT(found[0].sentence, testing::HasSubstr(GetParam().says));
    EXPECT_THAT(found[0].sentence, testing::Not(testing::HasSubstr("hunter2")));
}

INSTANTIATE_TEST_SUITE_P(
    Config, Bad,
    testing::Values(
        BadCase{"PlainHttp", "BASE_URL", "http://nexus.example.com", "https"},
        BadCase{"BaseUrlWithQuery", "BASE_URL", "https://a.example?x=1", "only"},
        BadCase{"BaseUrlWithUser", "BASE_URL", "https://user:hunter2@a.example", "only"},
        BadCase{"ListenEverywhere", "LISTEN", "0.0.0.0", "loopback"},
        BadCase{"ListenLan", "LISTEN", "192.168.0.1", "nginx"},
        BadCase{"PortZero", "PORT", "0", "1 to 65535"}, BadCase{"PortText", "PORT", "80a", "1 to 65535"},
        BadCase{"RedirectPath", "REDIRECT_PATH", "auth", "slash"},
        BadCase{"RedirectPathParameter", "REDIRECT_PATH", "/a/{b}", "letters"},
        BadCase{"RedirectPathSlash", "REDIRECT_PATH", "/a/", "letters"},
        BadCase{"RedirectPathSlashes", "REDIRECT_PATH", "/a//b", "letters"},
        BadCase{"PasswordWithAt", "DATABASE_URL", "postgresql://u:p@hunter2@db.example.com/n", "%40"},
        BadCase{"PasswordWithSlash", "DATABASE_URL", "postgresql://u:hunter2/p@db.example.com/n", "%2F"},
        BadCase{"ShortKey", "ENCRYPTION_KEY", "aHVudGVyMg==", "openssl rand -base64 32"},
        BadCase{"NoBase64Key", "CACHE_KEY", "hunter2hunter2", "openssl rand -base64 32"},
        BadCase{"BadPrevious", "STATE_KEYS_PREVIOUS", "hunter2", "STATE_KEY"},
        BadCase{"ShortApiKey", "API_KEY", "hunter2", "32 characters"},
        BadCase{"ShortEdgeKey", "EDGE_KEY", "hunter2", "32 characters"},
        BadCase{"OneShortApiKey", "API_KEYS", std::string(40, 'a') + ",hunter2", "32 characters"},
        BadCase{"Database", "DATABASE_URL", "mysql://hunter2", "sqlite:PATH or postgresql"},
        BadCase{"Memory", "DATABASE_URL", "sqlite::memory:", "file"},
        BadCase{"RemotePreferTls", "DATABASE_URL", "postgresql://u:hunter2@db.example.com/n?sslmode=prefer",
                "sslmode"},
        BadCase{"Service", "DATABASE_URL", "postgresql:///n?service=hunter2", "service"},
        BadCase{"BrokenDatabaseUrl", "DATABASE_URL", "postgresql://hunter2:%zz@/", "connection URL"},
        BadCase{"RedisHost", "REDIS_URL", "rediss://:hunter2@redis:x", "HOST[:PORT] in \"redis:x\""},
        BadCase{"RedisUser", "REDIS_URL", "redis://hunter2@redis.example.com", "user without a password"},
        BadCase{"RedisEscape", "REDIS_URL", "redis://:hunter2%@redis.example.com", "hexadecimal"},
        BadCase{"RedisMaster", "REDIS_URL", "sentinel://:hunter2@sentinel.example.com", "name of the master"},
        BadCase{"RedisCa", "REDIS_CA_FILE", "/dev/null", "no certificate"},
        BadCase{"RedisCertificate", "REDIS_CERTIFICATE_FILE", "/nonexistent", "cannot be read"},
        BadCase{"RedisKey", "REDIS_CERTIFICATE_KEY_FILE", "/dev/null", "no private key"},
        BadCase{"RedisName", "REDIS_SERVER_NAME", "a b", "DNS name"},
        BadCase{"RedisSentinel", "REDIS_SENTINEL_PASSWORD", "hunter2", "sentinel://"},
        BadCase{"RedisScheme", "REDIS_URL", "http://hunter2", "redis://"},
        BadCase{"RedisOff", "REDIS_URL", "off", "redis://"},
        BadCase{"RedisDatabase", "REDIS_URL", "redis://:hunter2@localhost/x", "database must be a number"},
        BadCase{"Cidr", "ALLOWED_CIDRS", "10.0.0.0/8,nonsense", "networks"},
        BadCase{"Egress", "EGRESS_ALLOWED_CIDRS", "10.0.0.0/99", "networks"},
        BadCase{"ReturnDomainPath", "ALLOWED_RETURN_DOMAINS", "https://app.example/x", "without path"},
        BadCase{"ReturnDomainApp", "ALLOWED_RETURN_DOMAINS", "myapp://callback", "without path"},
        BadCase{"ReturnDomainStar", "ALLOWED_RETURN_DOMAINS", "*", "without path"},
        BadCase{"ReturnDomainUser", "ALLOWED_RETURN_DOMAINS", "https://u@app.example", "without path"},
        BadCase{"SslMode", "DB_SSLMODE", "on", "verify-full"},
        BadCase{"SslRootCert", "DB_SSLROOTCERT", "/nonexistent/ca.pem", "cannot be read"},
        BadCase{"SslRootCertNoPem", "DB_SSLROOTCERT", "/dev/null", "no certificate"},
        BadCase{"EgressCaNoPem", "EGRESS_CA_FILE", "/dev/null", "no certificate"},
        BadCase{"Level", "LOG_LEVEL", "loud", "debug"},
        BadCase{"Flag", "ENFORCE_DB_SSL", "maybe", "true or false"},
        BadCase{"CaFile", "EGRESS_CA_FILE", "/nonexistent/ca.pem", "cannot be read"},
        BadCase{"Threads", "WORKER_THREADS", "0", "1 to 1024"}),
    [](const auto &test) { return std::string{test.param.name}; });

TEST(Config, PurposesDoNotShareKeys) {
    Environment environment = good();
    environment["CACHE_KEY"] = environment["ENCRYPTION_KEY"];
    EXPECT_THAT(sentence(environment),
                testing::HasSubstr("CACHE_KEY must be another key than ENCRYPTION_KEY"));
    environment = good();
    environment["STATE_KEYS_PREVIOUS"] = environment["CACHE_KEY"];
    EXPECT_THAT(sentence(environment), testing::HasSubstr("STATE_KEY must be another key than CACHE_KEY"));
    environment = good();
    environment["EDGE_KEY"] = environment["API_KEY"];
    EXPECT_THAT(sentence(environment), testing::HasSubstr("EDGE_KEY must be another key"));
}

TEST(Config, SentencesSayWhichKeyAndNotItsValue) {
    Environment environment = good();
    environment["CACHE_KEYS_PREVIOUS"] = new_key() + ",hunter2";
    EXPECT_THAT(sentence(environment),
                testing::StartsWith("CACHE_KEYS_PREVIOUS (key 2) must be base64 of exactly 32 bytes ("));
    EXPECT_THAT(sentence(environment), testing::Not(testing::HasSubstr("hunter2")));
    environment = good();
    environment["API_KEYS"] = std::string(40, 'a') + ",hunter2";
    EXPECT_THAT(sentence(environment),
                testing::StartsWith("API_KEYS (key 2 of 2) needs at least 32 characters"));
    EXPECT_THAT(sentence(environment), testing::Not(testing::HasSubstr("hunter2")));
}

TEST(Config, SentencesSayTheValueThatIsNoSecret) {
    for (const auto &[name, value] :
         {std::pair{"PORT", "99999"}, std::pair{"REQUIRE_ALLOWLIST", "maybe"}, std::pair{"LOG_LEVEL", "loud"},
          std::pair{"LISTEN", "0.0.0.0"}, std::pair{"OIDC_MODE", "lax"}, std::pair{"DB_SSLMODE", "always"},
          std::pair{"REDIRECT_PATH", "callback"}, std::pair{"ALLOWED_RETURN_DOMAINS", "a/b"}}) {
        Environment environment = good();
        environment[name] = value;
        EXPECT_THAT(sentence(environment), testing::HasSubstr('"' + std::string(value) + '"')) << name;
    }
    Environment environment = good();
    environment["PORT"] = "1\n\x1b[2J" + std::string(200, '1');
    EXPECT_THAT(sentence(environment), testing::HasSubstr("\"1??[2J111"));
    EXPECT_THAT(sentence(environment), testing::HasSubstr("111...\""));
}

TEST(Config, RemoteDatabaseWithTlsOrSaidExplicitly) {
    Environment environment = good();
    environment["DATABASE_URL"] = "postgresql://u:p@db.example.com/n?sslmode=require";
    EXPECT_TRUE(parse_config(environment)) << sentence(environment);
    environment["DATABASE_URL"] = "postgresql://u:p@db.example.com/n?sslmode=disable";
    environment["ENFORCE_DB_SSL"] = "false";
    EXPECT_TRUE(parse_config(environment)) << sentence(environment);
    environment["DATABASE_URL"] = "postgresql:///n?host=/run/postgresql";
    environment["ENFORCE_DB_SSL"] = "true";
    EXPECT_TRUE(parse_config(environment)) << sentence(environment);
}

class SecretFile {
public:
    explicit SecretFile(const std::string &content) {
        char name[] = "/tmp/nexus-config-XXXXXX";
        const int fd = ::mkstemp(name);
        EXPECT_EQ(::write(fd, content.data(), content.size()), static_cast<ssize_t>(content.size()));
        ::close(fd);
        path_ = name;
    }
    ~SecretFile() { std::remove(path_.c_str()); }
    const std::string &path() const { return path_; }

private:
    std::string path_;
};

TEST(Config, SecretsComeFromFilesToo) {
    Environment environment = good();
    const SecretFile file(environment["ENCRYPTION_KEY"] + "\n");
    environment.erase("ENCRYPTION_KEY");
    environment["ENCRYPTION_KEY_FILE"] = file.path();
    EXPECT_TRUE(parse_config(environment)) << sentence(environment);
    environment["ENCRYPTION_KEY"] = new_key();
    EXPECT_THAT(sentence(environment), testing::HasSubstr("both set"));
}

TEST(Config, UnreadableAndEmptyFilesAreRefused) {
    const SecretFile empty("\n");
    for (const std::string &path : {std::string("/nonexistent"), empty.path()}) {
        Environment environment = good();
        environment.erase("STATE_KEY");
        environment["STATE_KEY_FILE"] = path;
        EXPECT_THAT(sentence(environment), testing::StartsWith("STATE_KEY_FILE names a file"));
        EXPECT_THAT(sentence(environment), testing::HasSubstr(path));
    }
    Environment environment = good();
    environment["EGRESS_CA_FILE"] = "/nonexistent";
    EXPECT_THAT(sentence(environment), testing::HasSubstr("\"/nonexistent\": No such file or directory"));
    environment["EGRESS_CA_FILE"] = empty.path();
    EXPECT_THAT(sentence(environment), testing::HasSubstr("holds no certificate (PEM): \"" + empty.path()));
}

TEST(Config, AKeyInThePlaceOfItsFilesNameIsNotShown) {
    for (const std::string &key : {std::string("hunter2"), "/" + new_key().substr(1)}) {
        Environment environment = good();
        environment.erase("STATE_KEY");
        environment["STATE_KEY_FILE"] = key;
        EXPECT_THAT(sentence(environment), testing::StartsWith("STATE_KEY_FILE names a file that cannot"));
        EXPECT_THAT(sentence(environment), testing::Not(testing::HasSubstr(key)));
    }
}

TEST(Config, RedisPasswordMayStandApart) {
    Environment environment = good();
    environment["REDIS_PASSWORD"] = "hunter2";
    environment["REDIS_URL"] = "unix:/run/redis.sock?db=3";
    const auto config = parse_config(environment);
    ASSERT_TRUE(config) << sentence(environment);
    EXPECT_EQ(config->redis.unix_path, "/run/redis.sock");
    EXPECT_EQ(config->redis.database, 3);
    EXPECT_EQ(config->redis.login.password.view(), "hunter2");
    EXPECT_EQ(config->redis.describe().find("hunter2"), std::string::npos);
    environment["REDIS_URL"] = "redis://:other@localhost";
    EXPECT_THAT(sentence(environment), testing::HasSubstr("REDIS_PASSWORD and REDIS_URL both"));
}

TEST(Config, RedisTlsIsSaidTwiceOrNotAtAll) {
    Environment environment = good();
    environment["REDIS_SERVER_NAME"] = "redis.example";
    EXPECT_THAT(sentence(environment), testing::HasSubstr("REDIS_URL has no TLS"));
    environment["REDIS_URL"] = "sentinels://app@10.0.0.1/nexus";
    environment["REDIS_PASSWORD"] = "hunter2";
    environment["REDIS_SENTINEL_USERNAME"] = "watcher";
    EXPECT_THAT(sentence(environment), testing::HasSubstr("needs REDIS_SENTINEL_PASSWORD"));
    environment["REDIS_SENTINEL_PASSWORD"] = "hunter3";
    const auto config = parse_config(environment);
    ASSERT_TRUE(config) << sentence(environment);
    EXPECT_EQ(config->redis.tls.server_name, "redis.example");
    EXPECT_EQ(config->redis.login.username.view(), "app");
    EXPECT_EQ(config->redis.sentinel_login.username.view(), "watcher");
    EXPECT_EQ(config->redis.sentinel_login.password.view(), "hunter3");
}

TEST(Config, WhatIsTurnedOffIsSaid) {
    const auto said = [](const Environment &environment) {
        std::vector<std::string_view> names;
        const auto config = parse_config(environment);
        EXPECT_TRUE(config) << sentence(environment);
        for (const OpenGuard &guard : open_guards(*config)) {
            names.push_back(guard.variable);
        }
        return names;
    };
    Environment environment = good();
    environment["TRUSTED_PROXIES"] = "10.0.0.0/8,fc00::/7";
    environment["EGRESS_ALLOWED_CIDRS"] = "10.0.0.0/8";
    environment["REDIS_PASSWORD"] = "hunter2";
    for (const char *url : {"redis://localhost", "unix:/run/redis.sock", "rediss://redis.example",
                            "cluster://127.0.0.1,[::1]"}) {
        environment["REDIS_URL"] = url;
        EXPECT_THAT(said(environment), testing::IsEmpty()) << url;
    }
    environment["REQUIRE_ALLOWLIST"] = "false";
    environment["TRUSTED_PROXIES"] = "::/0";
    environment["EGRESS_ALLOWED_CIDRS"] = "10.0.0.0/8,0.0.0.0/0";
    environment["REDIS_URL"] = "cluster://127.0.0.1,10.0.0.1";
    EXPECT_THAT(said(environment), testing::ElementsAre("REQUIRE_ALLOWLIST", "TRUSTED_PROXIES",
                                                        "EGRESS_ALLOWED_CIDRS", "REDIS_URL"));
}

TEST(ControlKeys, MatchByScope) {
    Environment environment = good();
    const std::string edge = std::string(32, 'e');
    const std::string second = std::string(32, 's');
    environment["EDGE_KEY"] = edge;
    environment["API_KEYS"] = second + ", ";
    const auto config = parse_config(environment);
    ASSERT_TRUE(config) << sentence(environment);
    EXPECT_EQ(match_control_key(config->control_keys, environment["API_KEY"]), KeyScope::kFull);
    EXPECT_EQ(match_control_key(config->control_keys, second), KeyScope::kFull);
    EXPECT_EQ(match_control_key(config->control_keys, edge), KeyScope::kEdge);
    EXPECT_EQ(match_control_key(config->control_keys, ""), std::nullopt);
    EXPECT_EQ(match_control_key(config->control_keys, edge + "x"), std::nullopt);
    EXPECT_EQ(match_control_key(config->control_keys, edge.substr(1)), std::nullopt);
}

}  // namespace
}  // namespace nexus::control
