// Provider profiles: every member's rule, named in the error.
#include "control_plane/services/providers/provider_profile.h"

#include <gtest/gtest.h>

#include "control_plane/services/credentials/credential_schema.h"

namespace nexus::control {
namespace {

constexpr const char *kOauth = R"("name":"demo","client_id":"c","client_secret":"s")";

Result<ProfileInput> parse(const std::string &members, bool secret_stored = false) {
    return parse_profile(*json::parse_object("{" + members + "}"), secret_stored);
}

std::string urls() {
    return std::string{kOauth} + R"(,"auth_url":"https://i/a","token_url":"https://i/t")";
}

TEST(ProviderProfile, TakesStaticEndpoints) {
    Result<ProfileInput> got = parse(urls());
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->provider.auth_type, "oauth2");
    EXPECT_EQ(got->provider.auth_header, "client_secret_post");
    EXPECT_EQ(got->client_secret->view(), "s");
}

TEST(ProviderProfile, TakesAnIssuerWithDiscovery) {
    EXPECT_TRUE(parse(std::string{kOauth} + R"(,"issuer":"https://i","enable_discovery":true)"));
    EXPECT_FALSE(parse(std::string{kOauth} + R"(,"issuer":"https://i")")) << "endpoints are missing";
    EXPECT_FALSE(parse(std::string{kOauth} + R"(,"enable_discovery":true)"));
    EXPECT_FALSE(parse(std::string{kOauth} + R"(,"issuer":"https://i?x","enable_discovery":true)"));
}

TEST(ProviderProfile, SpellsOfClientAuthentication) {
    EXPECT_EQ(parse(urls() + R"(,"auth_header":"Basic")")->provider.auth_header, "client_secret_basic");
    EXPECT_FALSE(parse(urls() + R"(,"auth_header":"none")")) << "a public client has no secret";
    EXPECT_TRUE(parse(
        R"("name":"p","client_id":"c","auth_header":"none","auth_url":"https://i/a","token_url":"https://i/t")"));
}

TEST(ProviderProfile, AReplacementMayLeaveTheSecretOut) {
    std::string without = R"("name":"p","client_id":"c","auth_url":"https://i/a","token_url":"https://i/t")";
    EXPECT_EQ(parse(without).error().errc, Errc::kMissingFields);
    Result<ProfileInput> got = parse(without, true);
    ASSERT_TRUE(got);
    EXPECT_FALSE(got->client_secret);
}

struct BadCase {
    const char *members;
    Errc errc;
    const char *named;
};

class BadProfileTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadProfileTest, IsRefusedByName) {
    std::string members = GetParam().members;
    Result<ProfileInput> got = parse(members.starts_with(",") ? urls() + members : members);
    ASSERT_FALSE(got) << members;
    EXPECT_EQ(got.error().errc, GetParam().errc);
    EXPECT_NE((got.error().message + got.error().detail).find(GetParam().named), std::string::npos)
        << got.error().message;
}

// What contradicts itself, with the name of the member that is wrong.
INSTANTIATE_TEST_SUITE_P(
    OpenIdConnect, BadProfileTest,
    testing::Values(
        BadCase{R"(,"discovery_mode":"prefer_discovery")", Errc::kInvalidRequest, "profile.discovery_mode"},
        BadCase{R"(,"discovery_mode":"sometimes")", Errc::kInvalidRequest, "profile.discovery_mode"},
        BadCase{R"(,"oidc_mode":"verified")", Errc::kInvalidRequest, "profile.oidc_mode"},
        BadCase{R"(,"oidc_mode":"trusting")", Errc::kInvalidRequest, "profile.oidc_mode"},
        BadCase{R"(,"well_known_url":"https://i.example/m")", Errc::kInvalidRequest,
                "profile.well_known_url"},
        BadCase{R"(,"issuer":"https://i.example","well_known_url":"i.example")", Errc::kInvalidRequest,
                "profile.well_known_url"},
        BadCase{R"(,"accepted_algorithms":["RS256"])", Errc::kInvalidRequest, "profile.accepted_algorithms"},
        BadCase{R"(,"issuer":"https://i.example","accepted_algorithms":["none"])", Errc::kInvalidRequest,
                "profile.accepted_algorithms"},
        BadCase{R"(,"issuer":"https://i.example","accepted_algorithms":["HS256"])", Errc::kInvalidRequest,
                "profile.accepted_algorithms"},
        BadCase{R"(,"issuer":"https://i.example","accepted_algorithms":["RS256","RS256"])",
                Errc::kInvalidRequest, "profile.accepted_algorithms"},
        BadCase{R"(,"issuer":"https://i.example","oidc_mode":"opaque","jwks_ttl":600)", Errc::kInvalidRequest,
                "profile.jwks_ttl"},
        BadCase{R"(,"issuer":"https://i.example","jwks_ttl":5)", Errc::kInvalidRequest, "profile.jwks_ttl"},
        BadCase{R"(,"clock_skew":601)", Errc::kInvalidRequest, "profile.clock_skew"},
        BadCase{R"(,"jwks_cooldown":0)", Errc::kInvalidRequest, "profile.jwks_cooldown"},
        BadCase{R"(,"endpoint_overrides":{"jwks_uri":"https://i.example/k"})", Errc::kInvalidRequest,
                "profile.endpoint_overrides.jwks_uri"},
        BadCase{R"(,"endpoint_overrides":{"token":"https://i.example/k"})", Errc::kInvalidRequest,
                "profile.endpoint_overrides.token"},
        BadCase{R"(,"endpoint_overrides":{"token_endpoint":5})", Errc::kInvalidRequest,
                "profile.endpoint_overrides.token_endpoint"},
        BadCase{R"("name":"a","client_id":"c","issuer":"https://i.example","enable_discovery":true,
                   "auth_header":"none","discovery_mode":"force_static")",
                Errc::kMissingFields, "auth_url"},
        BadCase{R"("name":"a","auth_type":"api_key","oidc_mode":"opaque")", Errc::kInvalidRequest,
                "profile.oidc_mode"}));

TEST(ProviderProfile, KeepsWhatItSaysOfOpenIdConnect) {
    Result<ProfileInput> input = parse(urls() + R"(,"issuer":"https://i.example","enable_discovery":true,
        "discovery_mode":"prefer_discovery","oidc_mode":"verified","accepted_algorithms":["ES256"],
        "clock_skew":30,"endpoint_overrides":{"userinfo_endpoint":"https://i.example/u"})");
    ASSERT_TRUE(input) << input.error().message;
    const json::Value shown = writable_profile(input->provider);
    EXPECT_EQ(shown.get("discovery_mode").as_string(), "prefer_discovery");
    EXPECT_EQ(shown.get("clock_skew").as_integer(), 30);
    EXPECT_EQ(shown.get("endpoint_overrides").get("userinfo_endpoint").as_string(), "https://i.example/u");
    EXPECT_FALSE(shown.contains("jwks_ttl"));
    Result<ProfileInput> again = parse_profile(shown, true);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->provider.oidc, input->provider.oidc);
}

INSTANTIATE_TEST_SUITE_P(
    Members, BadProfileTest,
    testing::Values(
        BadCase{R"("name":"demo")", Errc::kMissingFields, "client_id"},
        BadCase{R"("client_id":"c")", Errc::kMissingFields, "name"},
        BadCase{R"("name":"a b","auth_type":"api_key")", Errc::kInvalidRequest, "profile.name"},
        BadCase{R"("name":"a","auth_type":"magic")", Errc::kUnsupportedAuthType, "auth_type"},
        BadCase{R"("name":"a","auth_type":"aws_sigv4")", Errc::kInvalidRequest, "profile.params.service"},
        BadCase{R"("name":"a","auth_type":"aws_sigv4","params":{"service":"S3!"})", Errc::kInvalidRequest,
                "profile.params.service"},
        BadCase{R"("name":"a","auth_type":"hmac_payload")", Errc::kInvalidRequest,
                "profile.params.header_name"},
        BadCase{R"("name":"a","auth_type":"hmac_payload","params":{"header_name":"X","algo":"md5"})",
                Errc::kInvalidRequest, "profile.params.algo"},
        BadCase{R"("name":"a","auth_type":"hmac_payload","params":{"header_name":"X","encoding":"utf8"})",
                Errc::kInvalidRequest, "profile.params.encoding"},
        BadCase{R"("name":"a","auth_type":"oauth1","params":{"signature_method":"RSA-SHA1"})",
                Errc::kInvalidRequest, "profile.params.signature_method"},
        BadCase{R"("name":"a","auth_type":"oauth1","params":{"realm":"a\"b"})", Errc::kInvalidRequest,
                "profile.params.realm"},
        BadCase{R"("name":"a","auth_type":"header","params":{"header_name":"Host"})", Errc::kInvalidRequest,
                "profile.params.header_name"},
        BadCase{R"("name":"a","auth_type":"header","params":{"header_name_2":"X-Two"})",
                Errc::kInvalidRequest, "profile.params.credential_field_2"},
        BadCase{
            R"("name":"a","auth_type":"header","params":{"header_name_3":"X-Three","credential_field_3":"c"})",
            Errc::kInvalidRequest, "profile.params.header_name_3"},
        BadCase{R"("name":"a","auth_type":"header","params":{"value_prefix_2":"Token "})",
                Errc::kInvalidRequest, "profile.params.value_prefix_2"},
        BadCase{R"("name":"a","auth_type":"header","params":{"header_name_9":"X-Nine"})",
                Errc::kInvalidRequest, "header_name_9"},
        BadCase{R"("name":"a","auth_type":"api_key","params":{"auth_strategy":{"type":"cookie"}})",
                Errc::kInvalidRequest, "profile.params.cookie_name"},
        BadCase{R"("name":"a","auth_type":"api_key","oauth":{"pkce":"off"})", Errc::kInvalidRequest,
                "profile.oauth"},
        BadCase{R"("name":"a","auth_type":"api_key","client_id":{})", Errc::kInvalidRequest,
                "profile.client_id"},
        BadCase{R"("name":"a","auth_type":"api_key","enable_discovery":"")", Errc::kInvalidRequest,
                "profile.enable_discovery"},
        BadCase{R"("name":"a","auth_type":"api_key","oauth":"")", Errc::kInvalidRequest, "profile.oauth"},
        BadCase{",\"oauth\":{\"odd\":1}", Errc::kInvalidRequest, "profile.oauth.odd"},
        BadCase{",\"oauth\":{\"client_auth\":\"magic\"}", Errc::kInvalidRequest, "profile.oauth.client_auth"},
        BadCase{",\"oauth\":{\"client_auth\":\"basic\"},\"auth_header\":\"none\"", Errc::kInvalidRequest,
                "profile.oauth.client_auth"},
        BadCase{",\"auth_header\":\"private_key_jwt\"", Errc::kInvalidRequest, "profile.client_secret"},
        BadCase{",\"api_base_url\":\"https://{x}.example\"", Errc::kInvalidRequest, "profile.api_base_url"},
        BadCase{R"("name":"a","auth_type":"api_key","client_secret":"s")", Errc::kInvalidRequest,
                "profile.client_secret"},
        BadCase{R"("name":"a","auth_type":"query_param")", Errc::kInvalidRequest, "param_name"},
        BadCase{R"("name":"a","auth_type":"api_key","params":{"auth_strategy":{"type":"magic"}})",
                Errc::kInvalidRequest, "auth_strategy"},
        BadCase{R"("name":"a","auth_type":"api_key","params":{"credential_schema":{"properties":{}}})",
                Errc::kInvalidRequest, "credential_schema"},
        BadCase{R"("name":"a","auth_type":"api_key","params":{"credential_schema":{"properties":{"x":{}}}})",
                Errc::kInvalidRequest, "api_key"},
        BadCase{R"("name":"a","auth_type":"api_key","params":{"odd":"x"})", Errc::kInvalidRequest, "odd"},
        BadCase{",\"odd\":1", Errc::kInvalidRequest, "profile.odd"},
        BadCase{",\"scopes\":\"x\"", Errc::kInvalidRequest, "profile.scopes"},
        BadCase{",\"scopes\":[\"a b\"]", Errc::kInvalidRequest, "profile.scopes"},
        BadCase{",\"enable_discovery\":\"yes\"", Errc::kInvalidRequest, "profile.enable_discovery"},
        BadCase{",\"api_base_url\":\"x\"", Errc::kInvalidRequest, "profile.api_base_url"},
        BadCase{",\"allowed_hosts\":[\"*\"]", Errc::kInvalidRequest, "profile.allowed_hosts"},
        BadCase{",\"allowed_hosts\":[\"https://x\"]", Errc::kInvalidRequest, "profile.allowed_hosts"},
        BadCase{",\"params\":{\"redirect_uri\":\"x\"}", Errc::kInvalidRequest, "profile.params.redirect_uri"},
        BadCase{",\"params\":{\"prompt\":1}", Errc::kInvalidRequest, "profile.params.prompt"},
        BadCase{",\"params\":{\"skip_scope_on_auth\":\"x\"}", Errc::kInvalidRequest, "skip_scope_on_auth"},
        BadCase{",\"auth_header\":\"X\"", Errc::kInvalidRequest, "profile.auth_header"}));

TEST(ProviderProfile, SigningTypesImplyTheirCredentials) {
    Result<ProfileInput> aws = parse(R"("name":"a","auth_type":"aws_sigv4","params":{"service":"s3"})");
    ASSERT_TRUE(aws) << aws.error().message;
    EXPECT_EQ(strategy_of(aws->provider).get("region", ""), "us-east-1");
    CredentialSchema schema = credential_schema_of(aws->provider);
    ASSERT_EQ(schema.fields.size(), 3u);
    EXPECT_TRUE(schema.find("access_key")->is_required && schema.find("secret_key")->is_required);
    EXPECT_FALSE(schema.find("session_token")->is_required);
    Result<ProfileInput> hmac = parse(
        R"("name":"a","auth_type":"hmac_payload","params":{"header_name":"X-Sig","encoding":"base64"})");
    ASSERT_TRUE(hmac) << hmac.error().message;
    EXPECT_EQ(strategy_of(hmac->provider).get("algo", ""), "sha256");
    EXPECT_EQ(strategy_of(hmac->provider).get("encoding", ""), "base64");
    EXPECT_TRUE(credential_schema_of(hmac->provider).find("api_secret")->is_required);
    Result<ProfileInput> slack =
        parse(R"("name":"a","auth_type":"hmac_payload","params":{"header_name":"X-Sig","algo":"sha512",)"
              R"("encoding":"base64url","template":"v0:{timestamp}:{body}","timestamp_header":"X-Time"})");
    ASSERT_TRUE(slack) << slack.error().message;
    EXPECT_EQ(strategy_of(slack->provider).get("template", ""), "v0:{timestamp}:{body}");
    Result<ProfileInput> oauth1 = parse(R"("name":"a","auth_type":"oauth1","params":{"realm":"r"})");
    ASSERT_TRUE(oauth1) << oauth1.error().message;
    EXPECT_EQ(strategy_of(oauth1->provider).get("signature_method", ""), "HMAC-SHA1");
    EXPECT_TRUE(credential_schema_of(oauth1->provider).find("consumer_secret")->is_required);
    EXPECT_FALSE(credential_schema_of(oauth1->provider).find("token_secret")->is_required);
    EXPECT_TRUE(credential_schema_of(oauth1->provider).find("token_secret")->is_secret);

    Result<ProfileInput> headers =
        parse(R"("name":"a","auth_type":"header","params":{"header_name":"X-App","credential_field":"app",)"
              R"("header_name_2":"Authorization","credential_field_2":"key","value_prefix_2":"Key "})");
    ASSERT_TRUE(headers) << headers.error().message;
    EXPECT_EQ(strategy_of(headers->provider).get("value_prefix_2", ""), "Key ");
    EXPECT_TRUE(credential_schema_of(headers->provider).find("app")->is_required);
    EXPECT_TRUE(credential_schema_of(headers->provider).find("key")->is_secret);

    Result<ProfileInput> cookie = parse(
        R"("name":"a","auth_type":"api_key","params":{"auth_strategy":{"type":"cookie","config":{"cookie_name":"sid"}}})");
    ASSERT_TRUE(cookie) << cookie.error().message;
    EXPECT_TRUE(credential_schema_of(cookie->provider).find("api_key")->is_required);
}

TEST(ProviderProfile, ClientAuthIsAuthHeadersAlias) {
    Result<ProfileInput> got = parse(urls() + R"(,"oauth":{"client_auth":"basic","pkce":"off"})");
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->provider.auth_header, "client_secret_basic");
    EXPECT_EQ(got->provider.oauth, R"({"pkce":"off"})") << "one home only";
    EXPECT_TRUE(parse(urls() + R"(,"oauth":{"client_auth":"basic"},"auth_header":"Basic")"));
}

TEST(ProviderProfile, AMachinesGrantNeedsNoAuthorizationUrl) {
    std::string members = std::string{kOauth} + R"(,"token_url":"https://i/t")";
    EXPECT_EQ(parse(members).error().errc, Errc::kMissingFields);
    EXPECT_TRUE(parse(members + R"(,"oauth":{"grant":"client_credentials"})"));
}

TEST(Strategy, TheTokenOfOauth2MayGoElsewhere) {
    store::Provider provider;
    provider.oauth = R"({"injection":{"header_name":"X-Shop-Token"}})";
    StrategyConfig header = strategy_of(provider);
    EXPECT_EQ(header.type, "header");
    EXPECT_EQ(header.get("header_name", ""), "X-Shop-Token");
    EXPECT_EQ(header.get("credential_field", ""), "access_token");
    provider.oauth = R"({"injection":{"value_prefix":"Zoho "}})";
    EXPECT_EQ(strategy_of(provider).get("header_name", ""), "Authorization");
    provider.oauth = R"({"injection":{"param_name":"access_token"}})";
    EXPECT_EQ(strategy_of(provider).type, "query_param");
}

TEST(ProviderProfile, NeverShowsItsSecret) {
    ProfileInput input = std::move(*parse(urls()));
    input.provider.client_secret_box = "sealed-box";
    std::string shown = profile_to_json(input.provider).dump_text();
    EXPECT_EQ(shown.find("\"client_secret\""), std::string::npos);
    EXPECT_EQ(shown.find("sealed-box"), std::string::npos);
    EXPECT_NE(shown.find("\"client_secret_set\":true"), std::string::npos);
}

TEST(AllowedHosts, DefaultToTheApisHostAndPort) {
    store::Provider provider;
    EXPECT_TRUE(allowed_hosts_of(provider, "").empty());
    provider.api_base_url = "https://API.example.com/v2";
    EXPECT_EQ(allowed_hosts_of(provider, provider.api_base_url),
              std::vector<std::string>{"api.example.com:443"});
    provider.api_base_url = "http://[::1]:8080/";
    EXPECT_EQ(allowed_hosts_of(provider, provider.api_base_url), std::vector<std::string>{"[::1]:8080"});
    provider.allowed_hosts = {"*.example.com"};
    EXPECT_EQ(allowed_hosts_of(provider, provider.api_base_url), std::vector<std::string>{"*.example.com"});
}

TEST(Strategy, FollowsTypeParamsAndHeader) {
    store::Provider provider;
    provider.auth_type = "oauth2";
    EXPECT_EQ(strategy_of(provider).type, "oauth2");
    provider.auth_type = "api_key";
    EXPECT_EQ(strategy_of(provider).get("header_name", ""), "X-API-Key");
    provider.auth_header = "X-Auth";
    EXPECT_EQ(strategy_of(provider).get("header_name", ""), "X-Auth");
    provider.params = R"({"value_prefix":"Token "})";
    EXPECT_EQ(strategy_of(provider).get("value_prefix", ""), "Token ");
    provider.params = R"({"auth_strategy":{"type":"query_param","config":{"param_name":"k"}}})";
    EXPECT_EQ(strategy_of(provider).type, "query_param");
    EXPECT_EQ(strategy_of(provider).get("param_name", ""), "k");
    provider.auth_type = "basic_auth";
    provider.params = "{}";
    EXPECT_EQ(strategy_of(provider).type, "basic_auth");
}

}  // namespace
}  // namespace nexus::control
