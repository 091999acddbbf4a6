// Our registration at a provider: configured endpoints win, discovery fills the rest, variables are put in.
#include "control_plane/oauth/client.h"

#include <gtest/gtest.h>

#include "control_plane/oauth/authorization_url.h"
#include "tests/unit/control_plane/support/temp_dir.h"
#include "tests/unit/shared/test_keys.h"

namespace nexus::control {
namespace {

class ResolveClientTest : public testing::Test {
protected:
    ResolveClientTest()
        : vault_(std::make_shared<const crypto::Keyring>(tests::keyring(tests::key_text('v')))),
          database_(open_database(dir_)),
          discovery_(
              [this](const HttpRequest &request) -> Result<HttpResponse> {
                  asked_.push_back(request.url);
                  if (status_ == 0) {
                      return fail(Errc::kProviderSilent, "no whole answer");
                  }
                  HttpResponse response;
                  response.status = status_;
                  response.body = Secret{std::string_view{document_}};
                  return response;
              },
              *database_, [this] { return now_; }) {
        provider_.id = "6f1c2a34-0000-4000-8000-000000000001";
        provider_.client_id = "c";
        provider_.auth_header = "none";
    }
    static std::unique_ptr<store::Database> open_database(const test::TempDir &dir) {
        DatabaseTarget target;
        target.kind = DatabaseKind::kSqlite;
        target.path = dir.path() + "/nexus.db";
        std::unique_ptr<store::Database> database = std::move(*store::Database::open(target));
        EXPECT_TRUE(database->migrate());
        return database;
    }
    Result<OAuthClient> resolve(const Variables &variables = {}) {
        return resolve_client(provider_, vault_, discovery_, variables);
    }

    Vault vault_;
    std::string document_ = R"({"issuer":"https://i.example","authorization_endpoint":"https://i.example/a",
        "token_endpoint":"https://i.example/t","jwks_uri":"https://i.example/k",
        "revocation_endpoint":"https://i.example/v","code_challenge_methods_supported":["S256"]})";
    int status_ = 200;
    std::vector<std::string> asked_;
    UnixMs now_ = 1'800'000'000'000;
    test::TempDir dir_;
    std::unique_ptr<store::Database> database_;
    Discovery discovery_;
    store::Provider provider_;
};

// Reference D19 and D20: discovery alone is enough, and what is configured is never overridden by it.
TEST_F(ResolveClientTest, ConfiguredEndpointsWin) {
    provider_.enable_discovery = true;
    provider_.issuer = "https://i.example";
    EXPECT_EQ(resolve()->token_endpoint, "https://i.example/t");
    EXPECT_EQ(resolve()->revocation_endpoint, "https://i.example/v");
    provider_.token_url = "https://other.example/t";
    EXPECT_EQ(resolve()->token_endpoint, "https://other.example/t");
    EXPECT_EQ(resolve()->authorization_endpoint, "https://i.example/a");
    provider_.enable_discovery = false;
    provider_.auth_url = "https://other.example/a";
    asked_.clear();
    EXPECT_EQ(resolve()->token_endpoint, "https://other.example/t");
    EXPECT_TRUE(asked_.empty()) << "nobody is asked what is known";
}

TEST_F(ResolveClientTest, ADocumentMayBePreferred) {
    provider_.enable_discovery = true;
    provider_.issuer = "https://i.example";
    provider_.auth_url = "https://other.example/a";
    provider_.token_url = "https://other.example/t";
    provider_.user_info_endpoint = "https://other.example/u";
    provider_.oidc = R"({"discovery_mode":"prefer_discovery"})";
    EXPECT_EQ(resolve()->token_endpoint, "https://i.example/t");
    EXPECT_EQ(resolve()->authorization_endpoint, "https://i.example/a");
    EXPECT_EQ(resolve()->userinfo_endpoint, "https://other.example/u") << "the document has none";
    provider_.oidc = R"({"discovery_mode":"force_static"})";
    EXPECT_EQ(resolve()->token_endpoint, "https://other.example/t");
    EXPECT_EQ(resolve()->revocation_endpoint, "");
}

TEST_F(ResolveClientTest, OverridesWinOverAll) {
    provider_.enable_discovery = true;
    provider_.issuer = "https://i.example";
    provider_.token_url = "https://other.example/t";
    provider_.oauth = R"({"variables":{"dc":{"pattern":"[a-z]+"}}})";
    provider_.oidc = R"({"discovery_mode":"prefer_discovery","endpoint_overrides":{
        "token_endpoint":"https://{dc}.own.example/t","userinfo_endpoint":"https://own.example/u",
        "jwks_uri":"https://own.example/k"}})";
    const Result<OAuthClient> client = resolve({{"dc", "eu"}});
    EXPECT_EQ(client->token_endpoint, "https://eu.own.example/t");
    EXPECT_EQ(client->userinfo_endpoint, "https://own.example/u");
    EXPECT_EQ(client->authorization_endpoint, "https://i.example/a");
    EXPECT_EQ(client->source.jwks_uri, "https://own.example/k");
}

TEST_F(ResolveClientTest, WithoutADocumentTheProfilesOwnWillDo) {
    provider_.enable_discovery = true;
    provider_.issuer = "https://i.example";
    provider_.auth_url = "https://other.example/a";
    provider_.token_url = "https://other.example/t";
    provider_.oidc = R"({"discovery_mode":"prefer_discovery"})";
    status_ = 503;
    EXPECT_EQ(resolve()->token_endpoint, "https://other.example/t");
    provider_.token_url.clear();
    EXPECT_EQ(resolve().error().errc, Errc::kProviderUnavailable);
}

TEST_F(ResolveClientTest, ADocumentThatCameInPartIsNoDocument) {
    provider_.enable_discovery = true;
    provider_.issuer = "https://i.example";
    provider_.auth_url = "https://other.example/a";
    provider_.token_url = "https://other.example/t";
    provider_.oidc = R"({"discovery_mode":"prefer_discovery"})";
    status_ = 0;
    ASSERT_TRUE(resolve());
    EXPECT_EQ(resolve()->token_endpoint, "https://other.example/t");
}

TEST_F(ResolveClientTest, PkceMustAgreeWithTheMetadata) {
    provider_.enable_discovery = true;
    provider_.issuer = "https://i.example";
    provider_.oauth = R"({"pkce":"off"})";
    EXPECT_EQ(resolve().error().errc, Errc::kProviderError) << "S256 is there, so it is used";
}

TEST_F(ResolveClientTest, MetadataWithoutS256NeedsPkceOff) {
    provider_.enable_discovery = true;
    provider_.issuer = "https://i.example";
    document_.replace(document_.find("S256"), 4, "plain");
    EXPECT_EQ(resolve().error().errc, Errc::kProviderError);
    provider_.oauth = R"({"pkce":"off"})";
    EXPECT_TRUE(resolve());
}

// RFC 9126: auto is what the provider requires; what cannot be is told at once.
TEST_F(ResolveClientTest, PushesRequestsAsProfileAndMetadataSay) {
    provider_.enable_discovery = true;
    provider_.issuer = "https://i.example";
    EXPECT_FALSE(resolve()->pushes_requests());
    provider_.oauth = R"({"par":"on"})";
    EXPECT_EQ(authorization_request(*resolve()).error().errc, Errc::kProviderError) << "no endpoint is known";
}

TEST_F(ResolveClientTest, PushesRequestsWhereTheProviderRequiresIt) {
    provider_.enable_discovery = true;
    provider_.issuer = "https://i.example";
    document_.insert(1, R"("pushed_authorization_request_endpoint":"https://i.example/par",
        "require_pushed_authorization_requests":true,)");
    EXPECT_TRUE(resolve()->pushes_requests());
    EXPECT_EQ(resolve()->par_endpoint, "https://i.example/par");
    EXPECT_TRUE(authorization_request(*resolve()));
    provider_.oauth = R"({"par":"off"})";
    EXPECT_EQ(authorization_request(*resolve()).error().errc, Errc::kProviderError);
}

// RFC 8705 section 5
TEST_F(ResolveClientTest, ClientsWithACertificateUseTheAliases) {
    provider_.enable_discovery = true;
    provider_.issuer = "https://i.example";
    document_.insert(1, R"("mtls_endpoint_aliases":{"token_endpoint":"https://mtls.i.example/t"},)");
    EXPECT_EQ(resolve()->token_endpoint, "https://i.example/t");
    provider_.auth_header = "tls_client_auth";
    provider_.client_secret_version = 1;
    provider_.client_secret_box =
        *vault_.seal(client_secret_place(provider_), Secret{std::string_view{"certificate and key"}});
    EXPECT_EQ(resolve()->token_endpoint, "https://mtls.i.example/t");
    EXPECT_EQ(resolve()->revocation_endpoint, "https://i.example/v") << "has no alias";
}

TEST_F(ResolveClientTest, FillsVariablesIn) {
    provider_.auth_url = "https://{shop}.example/a";
    provider_.token_url = "https://{shop}.{dc}.example/t";
    provider_.api_base_url = "{inst}/api";
    provider_.oauth =
        R"({"variables":{"shop":{"pattern":"[a-z]+"},"dc":{"pattern":"[a-z]+","from":"callback"},
                          "inst":{"pattern":".+","from":"response"}}})";
    Result<OAuthClient> before = resolve({{"shop", "acme"}});
    ASSERT_TRUE(before);
    EXPECT_EQ(before->authorization_endpoint, "https://acme.example/a");
    EXPECT_EQ(before->token_endpoint, "") << "not known yet";
    EXPECT_EQ(resolve({{"shop", "acme"}, {"dc", "eu"}})->token_endpoint, "https://acme.eu.example/t");
    EXPECT_EQ(resolve({{"shop", "evil.com/"}}).error().errc, Errc::kInvalidRequest);
    EXPECT_EQ(api_base_url_of(provider_, {{"inst", "https://na1.example"}}), "https://na1.example/api");
    EXPECT_EQ(api_base_url_of(provider_, {}), "");
}

// An issuer for each customer: pinned to what the person said, within the pattern.
TEST_F(ResolveClientTest, TheIssuerMayBeATemplate) {
    provider_.enable_discovery = true;
    provider_.issuer = "https://{tenant}.example";
    provider_.oauth = R"({"variables":{"tenant":{"pattern":"[a-z]+"}}})";
    EXPECT_EQ(resolve({{"tenant", "i"}})->issuer, "https://i.example");
    EXPECT_EQ(resolve({{"tenant", "j"}}).error().errc, Errc::kProviderError) << "the document names another";
}

}  // namespace
}  // namespace nexus::control
