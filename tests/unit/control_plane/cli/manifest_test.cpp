// Manifests: variables in values only, one clear sentence for each mistake.
#include "control_plane/cli/manifest.h"

#include <gtest/gtest.h>

namespace nexus::control::cli {
namespace {

std::optional<std::string> lookup(const std::string &name) {
    if (name == "SECRET") {
        return "s: [x]\nname: evil";
    }
    return name == "EMPTY" ? std::optional<std::string>{""} : std::nullopt;
}

TEST(Manifest, ExpandsVariablesInValuesOnly) {
    auto got = parse_manifest(
        "providers:\n"
        "  - name: demo\n"
        "    client_secret: ${SECRET}\n"
        "    client_id: 12345\n"
        "    enable_discovery: true\n"
        "    description: \"true\"\n"
        "    category: a$$b ${EMPTY}$c\n"
        "    scopes: [openid, \"${EMPTY}x\"]\n"
        "    issuer:\n",
        lookup);
    ASSERT_TRUE(got) << got.error().message;
    ASSERT_EQ(got->size(), 1u);
    const json::Value &profile = got->front().profile;
    EXPECT_EQ(got->front().name, "demo");
    EXPECT_EQ(profile.get("name").as_string(), "demo") << "a value's text cannot change the structure";
    EXPECT_EQ(profile.get("client_secret").as_string(), "s: [x]\nname: evil");
    EXPECT_EQ(profile.get("client_id").as_string(), "12345") << "profiles hold text";
    EXPECT_TRUE(profile.get("enable_discovery").as_boolean());
    EXPECT_EQ(profile.get("description").as_string(), "true");
    EXPECT_EQ(profile.get("category").as_string(), "a$b $c");
    EXPECT_EQ(profile.get("scopes").at(1).as_string(), "x");
    EXPECT_FALSE(profile.contains("issuer"));
}

TEST(Manifest, NumbersCountInCredentialSchemas) {
    auto got = parse_manifest(
        "providers: [{name: a, params: {credential_schema: {properties: {k: {minLength: 3}}}}}]", lookup);
    ASSERT_TRUE(got);
    json::Value schema = got->front().profile.get("params").get("credential_schema");
    EXPECT_EQ(schema.get("properties").get("k").get("minLength").as_integer(), 3);
}

TEST(Manifest, OauthMembersAreTextButLifetimesAndNulls) {
    auto got = parse_manifest(
        "providers: [{name: a, oauth: {pkce: off, default_expires_in: 7200, dead_grant_errors: [190], "
        "success: {path: ok, equals: true}, token_rename: {redirect_uri: null, code: auth_code}, chain: "
        "null}}]",
        lookup);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(
        got->front().profile.get("oauth").dump_canonical(),
        R"({"dead_grant_errors":["190"],"default_expires_in":7200,"pkce":"off",)"
        R"("success":{"equals":true,"path":"ok"},"token_rename":{"code":"auth_code","redirect_uri":null}})");
}

TEST(Manifest, RateLimitsAreNumbersAndErrorCodesText) {
    auto got = parse_manifest(
        "providers: [{name: a, oauth: {refresh_token_use: single_use, reuse_grace_s: 30, rate_limits: "
        "[{requests: 100, window_s: 60, per: connection}], refresh_errors: [{path: error_codes.0, equals: "
        "[50076], means: user_action}]}}]",
        lookup);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->front().profile.get("oauth").dump_canonical(),
              R"({"rate_limits":[{"per":"connection","requests":100,"window_s":60}],)"
              R"("refresh_errors":[{"equals":["50076"],"means":"user_action","path":"error_codes.0"}],)"
              R"("refresh_token_use":"single_use","reuse_grace_s":30})");
}

struct BadManifest {
    const char *yaml;
    const char *sentence;
};

class BadManifestTest : public testing::TestWithParam<BadManifest> {};

TEST_P(BadManifestTest, IsExplained) {
    auto got = parse_manifest(GetParam().yaml, lookup);
    ASSERT_FALSE(got) << GetParam().yaml;
    EXPECT_NE(got.error().message.find(GetParam().sentence), std::string::npos) << got.error().message;
}

INSTANTIATE_TEST_SUITE_P(Mistakes, BadManifestTest,
                         testing::Values(BadManifest{"", "providers"}, BadManifest{"[]", "providers"},
                                         BadManifest{"providers: x", "providers"},
                                         BadManifest{"providers: []\nmore: 1", "one member"},
                                         BadManifest{"providers: [x]", "provider 1"},
                                         BadManifest{"providers: [{name: ''}]", "no name"},
                                         BadManifest{"providers: [{name: a}, {name: a}]", "comes twice"},
                                         BadManifest{"providers:\n - name: a\n   name: b", "comes twice"},
                                         BadManifest{"providers:\n - name: a\n   client_secret: ${UNSET_ONE}",
                                                     "UNSET_ONE"},
                                         BadManifest{"providers: [{name: a, category: 'x${'}]", "${"},
                                         BadManifest{"providers: [{name: a, category: '${}'}]", "${"},
                                         BadManifest{"providers:\n - name: [", "line"}));

}  // namespace
}  // namespace nexus::control::cli
