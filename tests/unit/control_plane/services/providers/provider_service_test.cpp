// Provider profiles in the database: sealed secrets, real deletion.
#include "control_plane/services/providers/provider_service.h"

#include "control_plane/oauth/client.h"
#include "control_plane/oauth/stored_credentials.h"
#include "control_plane/services/connections/record_builder.h"
#include "control_plane/store/connection_repository.h"
#include "control_plane/store/outbox_repository.h"
#include "control_plane/store/token_repository.h"
#include "tests/unit/control_plane/services/fixture.h"

namespace nexus::control {
namespace {

class ProviderServiceTest : public ServiceTest {
protected:
    ProviderServiceTest()
        : builder_(*database_, vault_, clock()),
          providers_(*database_, vault_, *drainer_, EgressGuard({}), clock()) {
        records_ = [this](const store::OutboxEntry &entry) { return builder_.for_outbox(entry); };
    }
    static json::Value profile(const std::string &secret = R"(,"client_secret":"canary-secret")",
                               const std::string &more = "") {
        return parse(R"({"name":"demo","client_id":"c","auth_url":"https://i/a","token_url":"https://i/t")" +
                     secret + more + "}");
    }
    std::string secret_of(const std::string &id) {
        store::Provider provider = *providers_.get(id);
        return std::string{vault_.open(client_secret_place(provider), provider.client_secret_box)->view()};
    }
    store::Connection add_connection(const std::string &provider_id, connection::State state) {
        store::Connection connection;
        connection.id = "6f1c2a34-0000-4000-8000-000000000003";
        connection.workspace_id = "w";
        connection.provider_id = provider_id;
        connection.state = state;
        EXPECT_TRUE(store::connections::create(*database_, connection));
        return connection;
    }
    RecordBuilder builder_;
    ProviderService providers_;
};

TEST_F(ProviderServiceTest, SealsTheSecretInItsPlace) {
    store::Provider provider = *providers_.create(admin(), profile());
    EXPECT_EQ(provider.client_secret_box.find("canary"), std::string::npos);
    EXPECT_EQ(secret_of(provider.id), "canary-secret");
    EXPECT_EQ(providers_.create(admin(), profile()).error().errc, Errc::kProviderExists);
}

TEST_F(ProviderServiceTest, WhatAGetGaveMayBeSentBack) {
    json::Value first = profile();
    first.set("id", "00000000-0000-0000-0000-000000000000").set("client_secret_set", false);
    const store::Provider made = *providers_.create(admin(), first);
    json::Value got = profile_to_json(made);
    got.set("category", "mail");
    const Result<ProviderService::Replaced> put = providers_.replace(admin(), made.id, got);
    ASSERT_TRUE(put) << put.error().message;
    EXPECT_EQ(put->provider.category, "mail");
    EXPECT_EQ(put->provider.id, made.id);
    ASSERT_TRUE(providers_.patch(admin(), made.id, got)) << "whole";

    got.set("id", "11111111-1111-4111-8111-111111111111");
    EXPECT_EQ(providers_.replace(admin(), made.id, got).error().detail, "profile.id");
}

TEST_F(ProviderServiceTest, RefusesUrlsThatWouldNeverBeAsked) {
    const auto with = [](const std::string &members) {
        return parse(R"({"name":"p","client_id":"c","client_secret":"s","auth_url":"http://10.0.0.1/a",)" +
                     members + "}");
    };
    const std::string good = R"("token_url":"https://i/t")";
    const auto expect_refused = [&](const std::string &members, std::string_view member) {
        const Result<store::Provider> refused = providers_.create(admin(), with(members));
        ASSERT_FALSE(refused) << members;
        EXPECT_EQ(refused.error().errc, Errc::kInvalidRequest);
        EXPECT_EQ(refused.error().detail, member);
    };
    expect_refused(R"("token_url":"https://127.0.0.1/t")", "profile.token_url");
    expect_refused(R"("token_url":"http://i/t")", "profile.token_url");
    expect_refused(R"("token_url":"https://2130706433/t")", "profile.token_url");
    expect_refused(R"("token_url":"https://i/t#f")", "profile.token_url");
    expect_refused(good + R"(,"issuer":"https://[fd00::1]","enable_discovery":true)", "profile.issuer");
    expect_refused(good + R"(,"user_info_endpoint":"https://metadata.localhost/")",
                   "profile.user_info_endpoint");

    const Result<store::Provider> made =
        providers_.create(admin(), with(good));  // browsers ask auth_url, we do not
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_FALSE(providers_.replace(admin(), made->id, with(R"("token_url":"https://10.0.0.1/t")")));
    EXPECT_EQ(providers_.get(made->id)->token_url, "https://i/t");
}

TEST_F(ProviderServiceTest, AReplacementKeepsOrChangesTheSecret) {
    std::string id = providers_.create(admin(), profile())->id;
    EXPECT_FALSE(providers_.replace(admin(), id, profile())->changed);
    EXPECT_FALSE(providers_.replace(admin(), id, profile(""))->changed) << "left out: stays";
    EXPECT_TRUE(providers_.replace(admin(), id, profile("", R"(,"description":"d")"))->changed);
    EXPECT_EQ(secret_of(id), "canary-secret");
    EXPECT_TRUE(
        providers_.replace(admin(), id, profile(R"(,"client_secret":"next")", R"(,"description":"d")"))
            ->changed);
    EXPECT_EQ(secret_of(id), "next");
    EXPECT_EQ(providers_.replace(admin(), "00000000-0000-4000-8000-000000000000", profile()).error().errc,
              Errc::kProviderNotFound);
}

TEST_F(ProviderServiceTest, APatchKeepsWhatItDoesNotName) {
    std::string id =
        providers_
            .create(admin(), profile(R"(,"client_secret":"canary-secret")",
                                     R"(,"description":"d","category":"c","scopes":["a"],"params":{"p":"q"},
                                              "oauth":{"pkce":"off"},"issuer":"https://i","user_info_endpoint":"https://i/u")"))
            ->id;
    auto patch = [&](const char *changes) { return providers_.patch(admin(), id, parse(changes)); };
    Result<ProviderService::Replaced> got = patch(R"({"description":"e","category":null})");
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_TRUE(got->changed);
    store::Provider after = *providers_.get(id);
    EXPECT_EQ(after.description, "e");
    EXPECT_EQ(after.category, "") << "null: the default";
    EXPECT_EQ(after.scopes, std::vector<std::string>{"a"});
    EXPECT_EQ(after.params, R"({"p":"q"})");
    EXPECT_EQ(after.oauth, R"({"pkce":"off"})");
    EXPECT_EQ(after.issuer, "https://i");
    EXPECT_EQ(secret_of(id), "canary-secret");
    EXPECT_FALSE(patch("{}")->changed);
    EXPECT_FALSE(patch(R"({"description":"e"})")->changed);
    EXPECT_TRUE(patch(R"({"client_secret":"next"})")->changed);
    EXPECT_EQ(secret_of(id), "next");
    EXPECT_TRUE(patch(R"({"oauth":{"client_auth":"basic"}})")->changed);
    EXPECT_EQ(providers_.get(id)->auth_header, "client_secret_basic");
    EXPECT_EQ(providers_.get(id)->oauth, "{}");
    EXPECT_TRUE(patch(R"({"auth_header":"none","client_secret":null})")->changed);
    EXPECT_EQ(providers_.get(id)->client_secret_box, "");
}

TEST_F(ProviderServiceTest, APatchIsCheckedAsAWhole) {
    std::string id = providers_.create(admin(), profile())->id;
    auto refused = [&](const char *changes) { return providers_.patch(admin(), id, parse(changes)).error(); };
    EXPECT_EQ(refused(R"({"odd":1})").detail, "profile.odd");
    EXPECT_EQ(refused(R"({"name":null})").errc, Errc::kMissingFields);
    EXPECT_EQ(refused(R"({"client_secret":null})").errc, Errc::kMissingFields);
    EXPECT_EQ(refused(R"({"token_url":"nowhere"})").detail, "profile.token_url");
    EXPECT_EQ(refused(R"({"id":"x"})").detail, "profile.id");
    EXPECT_EQ(providers_.patch(admin(), "00000000-0000-4000-8000-000000000000", parse("{}")).error().errc,
              Errc::kProviderNotFound);
}

// Reference D1: whoever may read profiles may not read their secrets.
TEST_F(ProviderServiceTest, TheSecretIsForTheScopeAlone) {
    store::Provider provider = *providers_.create(admin(), profile());
    Caller reader = admin();
    reader.scopes = Scopes{Scope::kProvidersRead} | Scope::kProvidersWrite;
    EXPECT_EQ(providers_.read_secret(reader, provider).error().errc, Errc::kInsufficientGrant);
    reader.scopes = Scope::kSecretsRead;
    Result<std::optional<Secret>> secret = providers_.read_secret(reader, provider);
    ASSERT_TRUE(secret && *secret);
    EXPECT_EQ((*secret)->view(), "canary-secret");
    Result<store::Rows> noted =
        database_->execute("SELECT event_data FROM audit_events WHERE event_type = $1",
                           {std::string{audit::kProviderSecretRead}});
    ASSERT_TRUE(noted);
    EXPECT_EQ(noted->rows.size(), 1u) << "the refused one is no read";
}

TEST_F(ProviderServiceTest, ANarrowedProfileReachesTheEdgesAtOnce) {
    std::string id = providers_.create(admin(), profile())->id;
    store::Connection connection = add_connection(id, connection::State::kActive);
    ASSERT_TRUE(providers_.replace(admin(), id, profile("", R"(,"description":"d")")));
    EXPECT_EQ(store::connections::get(*database_, connection.id)->generation, 1)
        << "records do not tell of it";
    ASSERT_TRUE(providers_.replace(admin(), id, profile("", R"(,"allowed_hosts":["api.example.com"])")));
    EXPECT_EQ(store::connections::get(*database_, connection.id)->generation, 2);
    Result<std::vector<store::OutboxEntry>> due = store::outbox::due(*database_, now_ + 1, 10);
    ASSERT_EQ(due->size(), 1u);
    EXPECT_EQ(due->front().generation, 2);
}

TEST_F(ProviderServiceTest, DeletingRevokesItsConnections) {
    std::string id = providers_.create(admin(), profile())->id;
    store::Connection connection = add_connection(id, connection::State::kPending);
    StoredCredentials credentials;
    credentials.usage.emplace_back("access_token", Secret{std::string_view{"a"}});
    store::Token token = std::move(*seal_credentials(vault_, connection, 1, credentials, now_));
    ASSERT_TRUE(database_->transact([&](store::Transaction &sql) { return store::tokens::put(sql, token); }));

    ASSERT_TRUE(providers_.remove(admin(), id));
    EXPECT_EQ(providers_.get(id).error().errc, Errc::kProviderNotFound);
    EXPECT_EQ(store::connections::get(*database_, connection.id)->state, connection::State::kRevoked);
    EXPECT_EQ(store::tokens::get(*database_, connection.id).error().errc, Errc::kTokenUnavailable)
        << "erased";
    EXPECT_EQ(builder_.token(connection.id)->state, connection::State::kRevoked);
    EXPECT_TRUE(builder_.token(connection.id)->credentials.empty());
    EXPECT_EQ(providers_.remove(admin(), id).error().errc, Errc::kProviderNotFound);
    EXPECT_TRUE(providers_.create(admin(), profile())) << "the name is free again";
}

}  // namespace
}  // namespace nexus::control
