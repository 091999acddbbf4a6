// Discovery documents, read and refused.
#include "control_plane/oidc/issuer_metadata.h"

#include <gtest/gtest.h>

#include <string>

namespace nexus::control {
namespace {

constexpr const char *kIssuer = "https://idp.example/t1";

std::string document(const std::string &issuer = kIssuer, const std::string &more = "") {
    return R"({"issuer":")" + issuer +
           R"(","authorization_endpoint":"https://idp.example/auth",)"
           R"("token_endpoint":"https://idp.example/token","jwks_uri":"https://idp.example/jwks")" +
           more + "}";
}

TEST(IssuerMetadata, MustNameThePinnedIssuerExactly) {
    EXPECT_TRUE(parse_issuer_metadata(document(), kIssuer));
    for (const char *other :
         {"https://idp.example/t1/", "https://idp.example", "HTTPS://idp.example/t1", ""}) {
        EXPECT_EQ(parse_issuer_metadata(document(other), kIssuer).error().errc, Errc::kProviderError)
            << other;
    }
}

TEST(IssuerMetadata, MustBeUsable) {
    EXPECT_FALSE(parse_issuer_metadata("<html>", kIssuer));
    EXPECT_FALSE(parse_issuer_metadata(R"({"issuer":"https://idp.example/t1"})", kIssuer));
    EXPECT_EQ(
        parse_issuer_metadata(document(kIssuer, R"(,"code_challenge_methods_supported":["plain"])"), kIssuer)
            ->pkce,
        PkceSupport::kNotS256);
    EXPECT_EQ(parse_issuer_metadata(
                  document(kIssuer, R"(,"code_challenge_methods_supported":["plain","S256"])"), kIssuer)
                  ->pkce,
              PkceSupport::kS256);
    EXPECT_EQ(parse_issuer_metadata(document(kIssuer, ""), kIssuer)->pkce, PkceSupport::kUnknown);
    EXPECT_FALSE(parse_issuer_metadata(document(kIssuer, R"(,"revocation_endpoint":"x")"), kIssuer));
    EXPECT_TRUE(parse_issuer_metadata(
                    document(kIssuer, R"(,"authorization_response_iss_parameter_supported":true)"), kIssuer)
                    ->iss_in_response);
}

TEST(IssuerMetadata, MustNotLeadFromHttpsToHttp) {
    const std::string plain_userinfo = R"(,"userinfo_endpoint":"http://idp.example/userinfo")";
    EXPECT_FALSE(parse_issuer_metadata(document(kIssuer, plain_userinfo), kIssuer));
    EXPECT_FALSE(
        parse_issuer_metadata(document("HTTPS://idp.example", plain_userinfo), "HTTPS://idp.example"));
    EXPECT_TRUE(parse_issuer_metadata(document("http://idp.example", plain_userinfo), "http://idp.example"));
    EXPECT_FALSE(parse_issuer_metadata(document(kIssuer, R"(,"userinfo_endpoint":"/userinfo")"), kIssuer));
    std::string plain_keys = document();
    plain_keys.replace(plain_keys.find("https://idp.example/jwks"), 5, "http");
    EXPECT_FALSE(parse_issuer_metadata(plain_keys, kIssuer));
}

TEST(DiscoveryUrl, KeepsTheIssuersPath) {
    EXPECT_EQ(discovery_url("https://idp.example/t1/"),
              "https://idp.example/t1/.well-known/openid-configuration");
    EXPECT_EQ(discovery_url("https://idp.example"), "https://idp.example/.well-known/openid-configuration");
}

TEST(IssuerMetadata, TellsWhatElseTheProviderCan) {
    const Result<IssuerMetadata> plain = parse_issuer_metadata(document(), kIssuer);
    EXPECT_FALSE(plain->requires_par);
    EXPECT_TRUE(plain->dpop_algorithms.empty());
    EXPECT_EQ(plain->pushed_authorization_request_endpoint, "");
    const Result<IssuerMetadata> rich = parse_issuer_metadata(
        document(kIssuer, R"(,"pushed_authorization_request_endpoint":"https://idp.example/par",
            "require_pushed_authorization_requests":true,"device_authorization_endpoint":"https://idp.example/dev",
            "dpop_signing_alg_values_supported":["ES256",7,"RS256"],
            "mtls_endpoint_aliases":{"token_endpoint":"https://mtls.idp.example/token",
            "revocation_endpoint":"https://mtls.idp.example/rev",
            "pushed_authorization_request_endpoint":"https://mtls.idp.example/par",
            "device_authorization_endpoint":"https://mtls.idp.example/dev","introspection_endpoint":"/x"})"),
        kIssuer);
    ASSERT_TRUE(rich);
    EXPECT_EQ(rich->pushed_authorization_request_endpoint, "https://idp.example/par");
    EXPECT_TRUE(rich->requires_par);
    EXPECT_EQ(rich->device_authorization_endpoint, "https://idp.example/dev");
    EXPECT_EQ(rich->dpop_algorithms, (std::vector<std::string>{"ES256", "RS256"}));
    EXPECT_EQ(rich->mtls.token_endpoint, "https://mtls.idp.example/token");
    EXPECT_EQ(rich->mtls.revocation_endpoint, "https://mtls.idp.example/rev");
    EXPECT_EQ(rich->mtls.pushed_authorization_request_endpoint, "https://mtls.idp.example/par");
    EXPECT_EQ(rich->mtls.device_authorization_endpoint, "https://mtls.idp.example/dev");
    for (const char *bad : {R"(,"pushed_authorization_request_endpoint":"http://idp.example/par")",
                            R"(,"device_authorization_endpoint":"dev")",
                            R"(,"mtls_endpoint_aliases":{"token_endpoint":"http://idp.example/token"})"}) {
        EXPECT_FALSE(parse_issuer_metadata(document(kIssuer, bad), kIssuer)) << bad;
    }
}

}  // namespace
}  // namespace nexus::control
