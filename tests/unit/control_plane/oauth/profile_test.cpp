// The `oauth` member: what is read, and each refusal by its name.
#include "control_plane/oauth/profile.h"

#include <gtest/gtest.h>

#include "tests/unit/control_plane/oauth/profile_refusal.h"

namespace nexus::control {
namespace {

using test::parse;
using test::Refusal;

TEST(OAuthProfile, NothingIsTheStandard) {
    OAuthProfile got = *parse("{}");
    EXPECT_TRUE(got.pkce);
    EXPECT_EQ(got.grant, OAuthProfile::Grant::kAuthorizationCode);
    EXPECT_EQ(got.code_param, "code");
    EXPECT_EQ(got.scope_separator, " ");
    EXPECT_EQ(got.response.access_token, "access_token");
    EXPECT_TRUE(parse_oauth_profile(json::Value{}, "profile.oauth"));
    EXPECT_TRUE(stored_oauth_profile("{}"));
    EXPECT_FALSE(stored_oauth_profile("{"));
}

TEST(OAuthProfile, ReadsEveryMember) {
    Result<OAuthProfile> got = parse(R"({
        "grant":"client_credentials","pkce":"off","resource":["https://api.example/v1"],"par":"off","client_auth":"basic",
        "authorization_params":{"prompt":"consent","max_age":3600,"login_hint":"{client_id}"},
        "authorization_rename":{"client_id":"client_key","scope":null},
        "authorization_encoding":{"raw":["scope"],"skip_empty":true,"fragment":"/oauth"},
        "code_param":"auth_code","token_params":{"grant_type":"x","aud":"{shop}"},"refresh_params":{"a":"b"},
        "token_rename":{"client_secret":""},"token_headers":{"X-Client":"{client_id}"},"token_body":"json",
        "client_assertion":{"alg":"ES256","kid":"k1","audience":"issuer"},"scope_separator":",",
        "refresh_url":"https://{shop}.example/r","revocation_url":"https://i.example/v",
        "refresh_with":"access_token",
        "response":{"access_token":"/data/access_token","expires_in_unit":"ms"},
        "success":{"path":"code","equals":0},"dead_grant_errors":["bad"],"default_expires_in":7200,
        "keep_response_fields":["instance_url"],"keep_callback_fields":{"realm":"realmId"},
        "chain":{"url":"https://i.example/long","body":"query","params":{"t":"{access_token}"}},
        "variables":{"shop":{"pattern":"[a-z0-9-]+","title":"Shop"}},
        "injection":{"header_name":"X-Token","value_prefix":"Token "}})");
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_FALSE(got->pkce);
    EXPECT_EQ(got->resources, (std::vector<std::string>{"https://api.example/v1"}));
    EXPECT_EQ(got->par, PushedRequests::kOff);
    EXPECT_EQ(got->authorization_params[1], (std::pair<std::string, std::string>{"max_age", "3600"}));
    EXPECT_EQ(got->authorization_rename[1].second, "");
    EXPECT_EQ(got->token_body, TokenBody::kJson);
    EXPECT_TRUE(got->response.expires_in_ms);
    EXPECT_EQ(got->keep_callback_fields[0], (std::pair<std::string, std::string>{"realm", "realmId"}));
    EXPECT_EQ(got->chain->body, TokenBody::kQuery);
    EXPECT_TRUE(got->refresh_with_access_token);
    EXPECT_EQ(got->find_variable("shop")->title, "Shop");
}

class OAuthRefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(OAuthRefusalTest, NamesTheMember) {
    test::expect_named(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Members, OAuthRefusalTest,
    testing::Values(
        Refusal{R"({"resource":["api.example"]})", ".resource"},
        Refusal{R"({"resource":["https://a.example/#f"]})", ".resource"},
        Refusal{R"({"resource":["https:"]})", ".resource"},
        Refusal{R"({"resource":"https://a"})", ".resource"},
        Refusal{R"({"resource":["urn:a"],"token_params":{"resource":"urn:b"}})", ".resource"},
        Refusal{R"({"resource":["urn:a","urn:b"],"token_body":"json"})", ".resource"},
        Refusal{R"({"par":true})", ".par"}, Refusal{R"({"par":"on","grant":"client_credentials"})", ".par"},
        Refusal{R"({"par":"on","authorization_encoding":{"fragment":"/x"}})", ".par"},
        Refusal{R"({"dpop":"on"})", ".dpop"},
        Refusal{R"({"dpop":true,"chain":{"url":"https://i.example/long"}})", ".dpop"},
        Refusal{R"({"token_params":{"device_code":"x"}})", ".token_params"}, Refusal{R"({"odd":1})", ".odd"},
        Refusal{R"({"grant":"password"})", ".grant"}, Refusal{R"({"pkce":"plain"})", ".pkce"},
        Refusal{R"({"pkce":false})", ".pkce"},
        Refusal{R"({"authorization_params":{"state":"x"}})", ".authorization_params"},
        Refusal{R"({"authorization_params":{"redirect_uri":"x"}})", ".authorization_params"},
        Refusal{R"({"authorization_params":{"a":{}}})", ".authorization_params"},
        Refusal{R"({"authorization_params":{"a":"{nobody}"}})", ".authorization_params.a"},
        Refusal{R"({"authorization_params":{"a":"{client_secret}"}})", ".authorization_params.a"},
        Refusal{R"({"authorization_rename":{"state":null}})", ".authorization_rename"},
        Refusal{R"({"authorization_rename":{"scope":"a b"}})", ".authorization_rename"},
        Refusal{R"({"authorization_encoding":{"fragment":"a#b"}})", ".authorization_encoding.fragment"},
        Refusal{R"({"code_param":"state"})", ".code_param"},
        Refusal{R"({"token_params":{"code":"x"}})", ".token_params"},
        Refusal{R"({"refresh_params":{"client_secret":"x"}})", ".refresh_params"},
        Refusal{R"({"token_headers":{"Authorization":"x"}})", ".token_headers"},
        Refusal{R"({"token_headers":{"Host":"x"}})", ".token_headers"},
        Refusal{R"({"token_headers":{"A":"x\r\nB: y"}})", ".token_headers"},
        Refusal{R"({"token_body":"xml"})", ".token_body"},
        Refusal{R"({"client_assertion":{"alg":"HS256"}})", ".client_assertion.alg"},
        Refusal{R"({"scope_separator":"x"})", ".scope_separator"},
        Refusal{R"({"refresh_url":"ftp://i/r"})", ".refresh_url"},
        Refusal{R"({"refresh_url":"https://{nobody}/r"})", ".refresh_url"},
        Refusal{R"({"response":{"access_token":"a..b"}})", ".response.access_token"},
        Refusal{R"({"response":{"expires_in_unit":"h"}})", ".response.expires_in_unit"},
        Refusal{R"({"success":{"equals":1}})", ".success.path"},
        Refusal{R"({"success":{"path":"a","equals":[]}})", ".success.equals"},
        Refusal{R"({"default_expires_in":-1})", ".default_expires_in"},
        Refusal{R"({"keep_response_fields":["access_token"]})", ".keep_response_fields"},
        Refusal{R"({"keep_response_fields":{"t":"refresh_token"}})", ".keep_response_fields"},
        Refusal{R"({"keep_callback_fields":["code"]})", ".keep_callback_fields"},
        Refusal{R"({"chain":{"params":{}}})", ".chain.url"},
        Refusal{R"({"injection":{"header_name":"Host"}})", ".injection.header_name"},
        Refusal{R"({"injection":{"header_name":"X","param_name":"y"}})", ".injection.header_name"},
        Refusal{R"({"variables":{"a":{}}})", ".variables.a.pattern"},
        Refusal{R"({"variables":{"a":{"pattern":"("}}})", ".variables.a.pattern"},
        Refusal{R"({"variables":{"a":{"pattern":"a","default":"b"}}})", ".variables.a.default"},
        Refusal{R"({"variables":{"client_id":{"pattern":"a"}}})", ".variables"},
        Refusal{R"({"variables":{"a":{"pattern":"a","from":"moon"}}})", ".variables.a.from"}));

// An authorization URL knows what the user said and nothing else.
TEST(OAuthProfile, AVariableMustBeKnownWhereItIsUsed) {
    OAuthProfile profile = *parse(R"({"variables":{"dc":{"pattern":"[a-z]+","from":"callback"},
        "inst":{"pattern":".+","from":"response"}}})");
    using From = OAuthVariable::From;
    EXPECT_FALSE(check_url_template(profile, "https://{dc}.example/a", From::kUser, "auth_url"));
    EXPECT_TRUE(check_url_template(profile, "https://{dc}.example/a", From::kCallback, "token_url"));
    EXPECT_FALSE(check_url_template(profile, "https://{inst}/a", From::kCallback, "token_url"));
    EXPECT_TRUE(check_url_template(profile, "{inst}/a", From::kResponse, "api_base_url"));
    EXPECT_FALSE(check_url_template(profile, "{dc}://x/a", From::kResponse, "api_base_url"));
}

}  // namespace
}  // namespace nexus::control
