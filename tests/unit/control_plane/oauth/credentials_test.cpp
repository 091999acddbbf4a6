// From a token answer to the vault and back.
#include <gtest/gtest.h>

#include "control_plane/oauth/code_verifier_box.h"
#include "control_plane/oauth/credential_alarm.h"
#include "control_plane/oauth/token_credentials.h"

namespace nexus::control {
namespace {

Vault vault() {
    Result<crypto::Keyring> ring = crypto::Keyring::from_base64(
        {"TEST", Secret{std::string_view{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}});
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

TEST(FlowSecrets, AreOneTextForTheBox) {
    const FlowSecrets both{Secret{std::string_view{"v-1"}}, Secret{std::string_view{R"({"a": 1})"}}};
    EXPECT_EQ(unpack_flow_secrets(pack(both)).code_verifier.view(), "v-1");
    EXPECT_EQ(unpack_flow_secrets(pack(both)).dpop_key.view(), R"({"a": 1})");
    const FlowSecrets one{Secret{std::string_view{"v-1"}}, Secret{}};
    EXPECT_EQ(pack(one).view(), "v-1") << "as boxes of flows in progress have it";
    EXPECT_TRUE(unpack_flow_secrets(pack(one)).dpop_key.empty());
}

TEST(StoredCredentials, SurviveTheVaultOnlyInTheirPlace) {
    Vault box = vault();
    StoredCredentials credentials;
    credentials.usage.emplace_back("api_key", Secret{std::string_view{"k\"\xc3\xa4"}});
    credentials.refresh_token = Secret{std::string_view{"r"}};
    credentials.dpop_key = Secret{std::string_view{R"({"kty":"EC"})"}};
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
    EXPECT_EQ(opened->dpop_key.view(), R"({"kty":"EC"})");
    EXPECT_EQ(opened->find("dpop_key"), nullptr) << "it is no usage credential";

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

TEST(StoredCredentials, OlderOnesAreRefusedByName) {
    Vault box = vault();
    store::Connection connection;
    connection.id = "c1";
    StoredCredentials credentials;
    credentials.usage.emplace_back("api_key", Secret{std::string_view{"k"}});
    store::Token token = std::move(*seal_credentials(box, connection, 2, credentials, 5));
    for (int64_t newest : {1, 3}) {  // its row, or the connection's, was put back
        token.newest_version = newest;
        const Error refused = open_credentials(box, connection, token).error();
        EXPECT_EQ(refused.errc, Errc::kSealBroken);
        EXPECT_EQ(refusal_reason(refused), "rolled_back");
    }
    token.newest_version = 2;
    EXPECT_TRUE(open_credentials(box, connection, token));
    token.box.back() = static_cast<char>(token.box.back() ^ 1);
    EXPECT_EQ(refusal_reason(open_credentials(box, connection, token).error()), "seal_broken");
}

TEST(StoredCredentials, AreSealedAnewForTheSamePlace) {
    const auto ring = [](const std::string &current, const std::string &previous) {
        const Secret first{current + "="}, rest{previous.empty() ? "" : previous + "="};
        return Vault(std::make_shared<const crypto::Keyring>(
            *crypto::Keyring::from_base64({"K", first}, {"K_PREVIOUS", rest})));
    };
    store::Connection connection;
    connection.id = "c1";
    StoredCredentials credentials;
    credentials.usage.emplace_back("api_key", Secret{std::string_view{"k"}});
    const std::string a = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    const std::string b = "HxECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    const store::Token token = std::move(*seal_credentials(ring(a, ""), connection, 4, credentials, 5));
    Result<store::Token> resealed = reseal_credentials(ring(b, a), connection, token);
    ASSERT_TRUE(resealed);
    EXPECT_EQ(resealed->version, 4);
    EXPECT_NE(crypto::box_key_id(resealed->box), crypto::box_key_id(token.box));
    EXPECT_EQ(crypto::box_key_id(resealed->box), ring(b, "").current_key_id());
    EXPECT_EQ(open_credentials(ring(b, ""), connection, *resealed)->find("api_key")->view(), "k");
    EXPECT_EQ(reseal_credentials(ring(b, ""), connection, token).error().errc, Errc::kUnknownKey);
    store::Connection moved = connection;
    moved.workspace_id = "evil";
    EXPECT_EQ(reseal_credentials(ring(b, a), moved, token).error().errc, Errc::kSealBroken)
        << "a rotation must not make right what was moved";
}

TEST(StoredCredentials, UnreadableOnesAreRefused) {
    for (const char *text : {"", "[]", "{}", R"({"usage":{"a":1}})", R"({"usage":[]})"}) {
        EXPECT_EQ(parse_stored_credentials(text).error().errc, Errc::kMalformedRecord) << text;
    }
}

}  // namespace
}  // namespace nexus::control
