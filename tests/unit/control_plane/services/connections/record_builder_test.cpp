// What edges get: credentials of active connections only, and never a refresh token.
#include "control_plane/services/connections/record_builder.h"

#include "control_plane/oauth/stored_credentials.h"
#include "control_plane/services/time_text.h"
#include "tests/unit/control_plane/services/fixture.h"

namespace nexus::control {
namespace {

constexpr const char *kConnection = "6f1c2a34-0000-4000-8000-000000000003";

class RecordBuilderTest : public ServiceTest {
protected:
    RecordBuilderTest() : builder_(*database_, vault_, clock()) {
        store::Provider provider;
        provider.id = "6f1c2a34-0000-4000-8000-000000000002";
        provider.name = "demo";
        provider.api_base_url = "https://api.example.com";
        EXPECT_TRUE(store::providers::create(*database_, provider));
        store::Connection connection;
        connection.id = kConnection;
        connection.workspace_id = "w";
        connection.provider_id = provider.id;
        EXPECT_TRUE(store::connections::create(*database_, connection));
        StoredCredentials credentials;
        credentials.usage.emplace_back("access_token", Secret{std::string_view{"a"}});
        credentials.refresh_token = Secret{std::string_view{"r"}};
        store::Token token = std::move(*seal_credentials(vault_, connection, 1, credentials, now_));
        EXPECT_TRUE(
            database_->transact([&](store::Transaction &sql) { return store::tokens::put(sql, token); }));
    }
    void move_to(connection::State state, int64_t generation) {
        store::ConnectionChange change;
        change.state = state;
        change.expires_at = now_ + 1000;
        EXPECT_TRUE(database_->transact([&](store::Transaction &sql) {
            return store::connections::change(sql, kConnection, generation, change, now_);
        }));
    }
    RecordBuilder builder_;
};

TEST_F(RecordBuilderTest, ActiveCarriesUsageCredentialsOnly) {
    EXPECT_TRUE(builder_.token(kConnection)->credentials.empty()) << "pending";
    move_to(connection::State::kActive, 1);
    Result<record::TokenRecord> record = builder_.token(kConnection);
    ASSERT_TRUE(record);
    ASSERT_EQ(record->credentials.size(), 1u);
    EXPECT_EQ(record->credentials[0].first, "access_token");
    EXPECT_EQ(record->generation, 2u);
    EXPECT_EQ(record->expires_at, now_ + 1000);
    EXPECT_EQ(record->allowed_hosts, std::vector<std::string>{"api.example.com:443"});
    move_to(connection::State::kAttention, 2);
    EXPECT_TRUE(builder_.token(kConnection)->credentials.empty());
}

TEST_F(RecordBuilderTest, WhatNeedsAPersonSaysWhereTheyGo) {
    std::vector<Secret> keys;
    keys.emplace_back(std::string(32, 'k'));
    StateSigner signer = std::move(*StateSigner::create(std::move(keys)));
    Config config;
    config.base_url = "https://nexus.example";
    ReconnectLinks links(signer, config, clock());
    RecordBuilder builder(*database_, vault_, clock(), &links);
    move_to(connection::State::kActive, 1);
    EXPECT_EQ(builder.token(kConnection)->reconnect_url, "");
    move_to(connection::State::kAttention, 2);
    std::string url = builder.token(kConnection)->reconnect_url;
    ASSERT_TRUE(url.starts_with("https://nexus.example/connect/"));
    EXPECT_TRUE(signer.verify_reconnect(url.substr(url.rfind('/') + 1), now_));
    EXPECT_EQ(builder_.token(kConnection)->reconnect_url, "") << "nobody makes links here";
}

TEST_F(RecordBuilderTest, ADeletedConnectionBelongsToNobody) {
    move_to(connection::State::kActive, 1);
    store::ConnectionChange change;
    change.state = connection::State::kRevoked;
    change.deleted_at = now_;
    ASSERT_TRUE(database_->transact([&](store::Transaction &sql) {
        return store::connections::change(sql, kConnection, 2, change, now_);
    }));
    Result<record::TokenRecord> record = builder_.token(kConnection);
    ASSERT_TRUE(record) << "edges must hear of it";
    EXPECT_EQ(record->state, connection::State::kRevoked);
    EXPECT_EQ(record->workspace_id, "");
    EXPECT_EQ(record->generation, 3u);
    EXPECT_TRUE(record->credentials.empty());
}

TEST_F(RecordBuilderTest, WhatIsGoneLeavesTheOutbox) {
    store::OutboxEntry entry;
    entry.id = "00000000-0000-4000-8000-000000000000";
    EXPECT_FALSE(builder_.for_outbox(entry)->has_value());
    entry.kind = redis::EventKind::kCaller;
    entry.id = std::string(64, '0');
    EXPECT_FALSE(builder_.for_outbox(entry)->has_value());
    entry.kind = redis::EventKind::kToken;
    entry.id = kConnection;
    EXPECT_TRUE(builder_.for_outbox(entry)->has_value());
}

TEST(Rfc3339, IsUtcInWholeSeconds) {
    EXPECT_EQ(to_rfc3339(0), "1970-01-01T00:00:00Z");
    EXPECT_EQ(to_rfc3339(1'800'000'000'999), "2027-01-15T08:00:00Z");
}

}  // namespace
}  // namespace nexus::control
