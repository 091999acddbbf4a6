// From a token answer to the vault and back.
#include <gtest/gtest.h>

#include "control_plane/oauth/token_credentials.h"

namespace nexus::control {
namespace {

Vault vault() {
    Result<crypto::Keyring> ring = crypto::Keyring::from_base64(
        "TEST", Secret{std::string_view{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}, Secret{});
    return Vault(std::make_shared<const crypto::Keyring>(std::move(*ring)));
}

TEST(TokenCredentials, AnAbsentRefreshTokenKeepsTheOld) {
    TokenResponse response = parse_token_response(200, R"({"access_token":"a2","expires_in":60})", 0);
    StoredCredentials got = credentials_from(response, Secret{std::string_view{"r1"}});
    EXPECT_EQ(got.refresh_token.view(), "r1");
    EXPECT_EQ(got.find("access_token")->view(), "a2");
    EXPECT_EQ(got.find("refresh_token"), nullptr) << "it is no usage credential";
    EXPECT_EQ(expires_at_from(response, 1000), 61000);
}

TEST(TokenCredentials, ANewRefreshTokenReplacesIt) {
    TokenResponse response = parse_token_response(200, R"({"access_token":"a2","refresh_token":"r2"})", 0);
    EXPECT_EQ(credentials_from(response, Secret{std::string_view{"r1"}}).refresh_token.view(), "r2");
    EXPECT_EQ(expires_at_from(response, 1000), 0);
}

TEST(StoredCredentials, SurviveTheVaultOnlyInTheirPlace) {
    Vault box = vault();
    StoredCredentials credentials;
    credentials.usage.emplace_back("api_key", Secret{std::string_view{"k\"\xc3\xa4"}});
    credentials.refresh_token = Secret{std::string_view{"r"}};
    store::Connection connection;
    connection.id = "c1";
    connection.workspace_id = "acme";
    connection.provider_id = "p1";
    Result<store::Token> token = seal_credentials(box, connection, 3, credentials, 5);
    ASSERT_TRUE(token);
    EXPECT_EQ(token->connection_id, "c1");
    EXPECT_EQ(token->box.find("api_key"), std::string::npos);
    Result<StoredCredentials> opened = open_credentials(box, connection, *token);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->find("api_key")->view(), "k\"\xc3\xa4");
    EXPECT_EQ(opened->refresh_token.view(), "r");

    store::Token rolled_back = *token;
    rolled_back.version = 2;
    EXPECT_EQ(open_credentials(box, connection, rolled_back).error().errc, Errc::kSealBroken);
    for (std::string store::Connection::*member :
         {&store::Connection::id, &store::Connection::workspace_id, &store::Connection::provider_id}) {
        store::Connection moved = connection;
        moved.*member += "x";
        EXPECT_EQ(open_credentials(box, moved, *token).error().errc, Errc::kSealBroken);
    }
    store::Connection shifted = connection;
    shifted.workspace_id = "acm";
    shifted.provider_id = "ep1";
    EXPECT_EQ(open_credentials(box, shifted, *token).error().errc, Errc::kSealBroken);
}

TEST(StoredCredentials, UnreadableOnesAreRefused) {
    for (const char *text : {"", "[]", "{}", R"({"usage":{"a":1}})", R"({"usage":[]})"}) {
        EXPECT_EQ(parse_stored_credentials(text).error().errc, Errc::kMalformedRecord) << text;
    }
}

}  // namespace
}  // namespace nexus::control
