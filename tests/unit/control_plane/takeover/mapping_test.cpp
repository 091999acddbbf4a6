// What becomes of the reference's providers and connections.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control_plane/takeover/connection_mapping.h"
#include "control_plane/takeover/provider_mapping.h"

namespace nexus::control::takeover {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = MappedConnection::Kind;

ReferenceProvider oauth2(const std::string &params = "{}") {
    ReferenceProvider out;
    out.id = "6f1c2a34-0000-4000-8000-000000000001";
    out.name = "demo";
    out.client_id = "id";
    out.client_secret = Secret{std::string_view{"s3cret"}};
    out.auth_url = "https://i/a";
    out.token_url = "https://i/t";
    out.scopes = R"(["a b","c"])";
    out.params = params;
    return out;
}

ReferenceProvider api_key(const std::string &params = "") {
    ReferenceProvider out;
    out.name = "keyed";
    out.auth_type = "api_key";
    out.params = params;
    return out;
}

std::string text(const json::Value &object, std::string_view name) {
    return std::string{object.get(name).as_string()};
}

TEST(ProviderMapping, KeepsWhatAnOauth2ProviderIs) {
    MappedProvider mapped = map_provider(oauth2());
    EXPECT_THAT(mapped.notes, IsEmpty());
    EXPECT_EQ(
        mapped.profile.dump_canonical(),
        R"({"auth_header":"client_secret_post","auth_type":"oauth2","auth_url":"https://i/a",)"
        R"("client_id":"id","client_secret":"s3cret","enable_discovery":false,"name":"demo","params":{},)"
        R"("scopes":["a","b","c"],"token_url":"https://i/t"})");
}

TEST(ProviderMapping, ClientAuthentication) {
    struct Case {
        const char *there;
        const char *here;
        size_t notes;
    };
    for (const Case &c :
         {Case{"", "client_secret_post", 0}, Case{"client_secret_post", "client_secret_post", 0},
          Case{"client_secret_basic", "client_secret_basic", 0}, Case{"Basic", "client_secret_basic", 0},
          Case{"odd", "client_secret_post", 1}}) {
        ReferenceProvider provider = oauth2();
        provider.auth_header = c.there;
        MappedProvider mapped = map_provider(provider);
        EXPECT_EQ(text(mapped.profile, "auth_header"), c.here);
        EXPECT_EQ(mapped.notes.size(), c.notes) << c.there;
    }
    ReferenceProvider open = oauth2();
    open.client_secret = Secret{};
    EXPECT_EQ(text(map_provider(open).profile, "auth_header"), "none");
    EXPECT_FALSE(map_provider(open).profile.contains("client_secret"));
}

TEST(ProviderMapping, DiscoveryNeedsAnIssuer) {
    ReferenceProvider provider = oauth2();
    provider.enable_discovery = true;
    EXPECT_FALSE(map_provider(provider).profile.get("enable_discovery").as_boolean());
    EXPECT_THAT(map_provider(provider).notes, ElementsAre(HasSubstr("without an issuer")));
    provider.issuer = "https://i";
    EXPECT_TRUE(map_provider(provider).profile.get("enable_discovery").as_boolean());
    EXPECT_THAT(map_provider(provider).notes, ElementsAre(HasSubstr("of this issuer")));
}

// Reference D22: one member that is no string kept all of them from being sent.
TEST(ProviderMapping, ExtraParametersOfTheAuthorizationUrl) {
    MappedProvider strings = map_provider(oauth2(R"({"prompt":"consent","access_type":"offline"})"));
    EXPECT_EQ(strings.profile.get("params").dump_text(), R"({"prompt":"consent","access_type":"offline"})");
    EXPECT_THAT(strings.notes, IsEmpty());

    MappedProvider mixed =
        map_provider(oauth2(R"({"skip_scope_on_auth":true,"prompt":"consent","x":{"y":1}})"));
    EXPECT_EQ(mixed.profile.get("params").dump_text(), R"({"skip_scope_on_auth":true,"prompt":"consent"})");
    EXPECT_THAT(mixed.notes, ElementsAre("params.x has no meaning here and is left out",
                                         HasSubstr("params prompt had no effect there")));

    MappedProvider hostile = map_provider(oauth2(R"({"redirect_uri":"https://evil","state":"s","a":"b"})"));
    EXPECT_EQ(hostile.profile.get("params").dump_text(), R"({"a":"b"})");
    EXPECT_EQ(hostile.notes.size(), 2u);

    EXPECT_EQ(map_provider(oauth2("not json")).profile.get("params").dump_text(), "{}");
}

TEST(ProviderMapping, StaticTypes) {
    ReferenceProvider provider = api_key(R"({"credential_schema":{"type":"object"},"odd":1})");
    provider.client_id = "stale";
    MappedProvider mapped = map_provider(provider);
    EXPECT_EQ(mapped.profile.get("params").dump_text(), R"({"credential_schema":{"type":"object"}})");
    EXPECT_FALSE(mapped.profile.contains("client_id"));
    EXPECT_THAT(mapped.notes, ElementsAre(HasSubstr("params.odd"), HasSubstr("members for oauth2")));

    provider = api_key();
    provider.auth_header = "X-Token";
    EXPECT_EQ(text(map_provider(provider).profile, "auth_header"), "X-Token");
    EXPECT_THAT(map_provider(provider).notes, ElementsAre(HasSubstr("X-Token")));
}

ReferenceConnection row(const std::string &status) {
    ReferenceConnection out;
    out.id = "6f1c2a34-0000-4000-8000-000000000009";
    out.workspace_id = "alice";
    out.provider_id = "6f1c2a34-0000-4000-8000-000000000001";
    out.status = status;
    out.scopes = R"(["a"])";
    out.created_at = "2026-01-02T03:04:05Z";
    out.has_token = true;
    return out;
}

MappedConnection map(const ReferenceConnection &connection, const ReferenceProvider &provider,
                     const std::string &plain, const MapOptions &options = {}) {
    return map_connection(connection, provider, Secret{std::string_view{plain}}, options);
}

constexpr const char *kToken =
    R"({"access_token":"at","token_type":"bearer","refresh_token":"rt","expires_in":3600,"id_token":"it","team":{}})";

TEST(ConnectionMapping, KeepsIdsAndTokens) {
    ReferenceConnection connection = row("active");
    connection.token_expires_at = "2026-01-02T04:04:05Z";
    MappedConnection mapped = map(connection, oauth2(), kToken);
    ASSERT_EQ(mapped.kind, Kind::kItem);
    EXPECT_EQ(mapped.item.dump_canonical(),
              R"({"created_at":"2026-01-02T03:04:05Z","credentials":{"access_token":"at",)"
              R"("expires_at":"2026-01-02T04:04:05Z","refresh_token":"rt","token_type":"bearer"},)"
              R"("id":"6f1c2a34-0000-4000-8000-000000000009",)"
              R"("provider_id":"6f1c2a34-0000-4000-8000-000000000001","scopes":["a"],"state":"active",)"
              R"("user_id":"alice","workspace_id":"alice"})");
    EXPECT_THAT(mapped.notes, ElementsAre(HasSubstr("left out: team"), HasSubstr("id_token")));
    MapOptions one;
    one.workspace = "acme";
    EXPECT_EQ(text(map(connection, oauth2(), kToken, one).item, "workspace_id"), "acme");
    EXPECT_EQ(text(map(connection, oauth2(), kToken, one).item, "user_id"), "alice");
}

// Reference D34: expires_at was stored only where expires_in is a JSON number.
TEST(ConnectionMapping, AnExpiryThatWasNotStored) {
    ReferenceConnection connection = row("active");
    connection.token_age_s = 600;
    const std::string textual = R"({"access_token":"at","expires_in":"3600"})";
    EXPECT_EQ(map(connection, oauth2(), textual).item.get("credentials").get("expires_in").as_integer(),
              3000);
    connection.token_age_s = 5000;
    EXPECT_EQ(map(connection, oauth2(), textual).item.get("credentials").get("expires_in").as_integer(), 0);
    EXPECT_FALSE(
        map(connection, oauth2(), R"({"access_token":"at"})").item.get("credentials").contains("expires_in"));
    EXPECT_FALSE(map(connection, oauth2(), R"({"access_token":"at","expires_in":"soon"})")
                     .item.get("credentials")
                     .contains("expires_in"));
}

TEST(ConnectionMapping, States) {
    EXPECT_EQ(map(row("pending"), oauth2(), kToken).kind, Kind::kSkipped);
    EXPECT_EQ(text(map(row("failed"), oauth2(), kToken).item, "state"), "failed");
    EXPECT_FALSE(map(row("failed"), oauth2(), kToken).item.contains("credentials"));
    EXPECT_EQ(map(row("ACTIVE"), oauth2(), kToken).kind, Kind::kRefused);

    MapOptions retry;
    retry.retry_attention = true;
    EXPECT_EQ(text(map(row("attention"), oauth2(), kToken).item, "state"), "attention");
    EXPECT_EQ(text(map(row("attention"), oauth2(), kToken, retry).item, "state"), "active");
    EXPECT_EQ(text(map(row("attention"), oauth2(), R"({"access_token":"a"})", retry).item, "state"),
              "attention");

    ReferenceConnection bare = row("attention");
    bare.has_token = false;
    EXPECT_EQ(text(map(bare, oauth2(), "").item, "state"), "attention");
    bare.status = "active";
    EXPECT_EQ(map(bare, oauth2(), "").reason, "it is active and has no token row");
}

TEST(ConnectionMapping, WhatCannotWorkIsRefusedWithoutASecret) {
    MappedConnection unopened =
        map_connection(row("active"), oauth2(), fail(Errc::kSealBroken, "does not open"), {});
    EXPECT_EQ(unopened.kind, Kind::kRefused);
    EXPECT_EQ(unopened.reason, "does not open");
    // Reference D17: a 200 with an error body was stored as a token.
    EXPECT_EQ(map(row("active"), oauth2(), R"({"error":"bad_verification_code"})").reason,
              "its token row holds no access_token");
    MappedConnection odd = map(row("active"), oauth2(), "canary-text");
    EXPECT_EQ(odd.kind, Kind::kRefused);
    EXPECT_EQ(odd.reason.find("canary"), std::string::npos);
}

// Reference D8: members that the schema does not have could be planted.
TEST(ConnectionMapping, StaticCredentialsAreThoseOfTheSchema) {
    ReferenceProvider provider = api_key(
        R"({"credential_schema":{"type":"object","properties":{"api_key":{"type":"string"},"org":{}},"required":["api_key"]}})");
    MappedConnection mapped =
        map(row("active"), provider, R"({"api_key":"k","org":"o","access_token":"planted"})");
    EXPECT_EQ(mapped.item.get("credentials").dump_text(), R"({"api_key":"k","org":"o"})");
    EXPECT_THAT(mapped.notes, Contains(HasSubstr("access_token")));
    EXPECT_EQ(map(row("active"), provider, R"({"org":"o"})").reason, "its credentials lack api_key");
    EXPECT_EQ(map(row("active"), api_key(), R"({"any":"o"})").item.get("credentials").dump_text(),
              R"({"any":"o"})");
}

}  // namespace
}  // namespace nexus::control::takeover
