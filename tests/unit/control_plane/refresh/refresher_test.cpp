// Refreshing a real row in a real (SQLite) database against a scripted provider.
#include "control_plane/refresh/refresher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "control_plane/metrics/metrics.h"
#include "tests/unit/control_plane/support/temp_dir.h"

namespace nexus::control {
namespace {

using connection::State;

/// A cache that is always there and remembers nothing.
class NullCache : public CacheWriter {
public:
    Result<WriteOutcome> write_token(const record::TokenRecord &) override { return WriteOutcome::kWritten; }
    Result<WriteOutcome> write_caller(const record::CallerRecord &) override {
        return WriteOutcome::kWritten;
    }
    Result<void> ping() override { return {}; }
};

/// The real database, until it is told to be away: then every transaction fails, as with a server that went
/// down.
class FlakyDatabase : public store::Database {
public:
    explicit FlakyDatabase(std::unique_ptr<store::Database> inner) : inner_(std::move(inner)) {}

    using store::Executor::execute;
    Result<store::Rows> execute(std::string_view sql, std::span<const store::Value> parameters) override {
        return inner_->execute(sql, parameters);
    }
    DatabaseKind kind() const noexcept override { return inner_->kind(); }
    Result<void> ping() override { return inner_->ping(); }
    Result<int> migrate() override { return inner_->migrate(); }
    Result<void> check_schema() override { return inner_->check_schema(); }

    std::atomic<bool> away = false;

protected:
    Result<void> run_transaction(const std::function<Result<void>(store::Transaction &)> &work) override {
        if (away) {
            return fail(Errc::kStoreUnavailable, "the database is away");
        }
        return inner_->transact([&](store::Transaction &sql) { return work(sql); });
    }

private:
    std::unique_ptr<store::Database> inner_;
};

Vault make_vault() {
    Result<crypto::Keyring> ring = crypto::Keyring::from_base64(
        "TEST", Secret{std::string_view{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}, Secret{});
    return Vault(std::make_shared<const crypto::Keyring>(std::move(*ring)));
}

constexpr const char *kConnection = "6f1c2a34-0000-4000-8000-000000000003";

class RefresherTest : public testing::Test {
protected:
    RefresherTest() : vault_(make_vault()) {
        DatabaseTarget target;
        target.kind = DatabaseKind::kSqlite;
        target.path = dir_.path() + "/nexus.db";
        database_ = std::make_unique<FlakyDatabase>(std::move(*store::Database::open(target)));
        EXPECT_TRUE(database_->migrate());
        drainer_ = std::make_unique<OutboxDrainer>(
            *database_, cache_, [](const store::OutboxEntry &) { return std::optional<CacheRecord>{}; },
            clock());
        discovery_ = std::make_unique<Discovery>(fetch(), *database_, clock());
        add_connection();
    }

    Clock clock() {
        return [this] { return now_.load(); };
    }
    Fetch fetch() {
        return [this](const HttpRequest &request) -> Result<HttpResponse> {
            ++calls_;
            for (const FormField &field : *request.form) {
                if (field.name == "refresh_token") {
                    seen_refresh_token_ = std::string{field.value.view()};
                }
                if (field.name == "grant_type") {
                    seen_grant_type_ = std::string{field.value.view()};
                }
            }
            if (on_call_) {
                on_call_();
            }
            if (status_ == 0) {
                return fail(Errc::kProviderUnavailable, "no answer");
            }
            HttpResponse response;
            response.status = status_;
            response.headers = headers_;
            response.body = Secret{std::string_view{body_}};
            return response;
        };
    }

    void add_connection() {
        store::Provider provider;
        provider.id = "6f1c2a34-0000-4000-8000-000000000002";
        provider.name = "demo";
        provider.auth_header = "none";
        provider.client_id = "c";
        provider.auth_url = "https://idp.example/auth";
        provider.token_url = "https://idp.example/token";
        EXPECT_TRUE(store::providers::create(*database_, provider));
        store::Connection connection;
        connection.id = kConnection;
        connection.workspace_id = "w";
        connection.provider_id = provider.id;
        connection.created_at = connection.updated_at = now_;
        EXPECT_TRUE(store::connections::create(*database_, connection));
        store::ConnectionChange change;
        change.state = State::kActive;
        change.refreshable = true;
        change.expires_at = now_ + 60'000;
        put_tokens("a1", "r1", 1);
        EXPECT_TRUE(database_->transact([&](store::Transaction &sql) {
            return store::connections::change(sql, kConnection, 1, change, now_);
        }));
    }

    void put_tokens(const std::string &access, const std::string &refresh, int64_t version) {
        StoredCredentials credentials;
        credentials.usage.emplace_back("access_token", Secret{std::string_view{access}});
        credentials.refresh_token = Secret{std::string_view{refresh}};
        store::Token token = std::move(*seal_credentials(vault_, row(), version, credentials, now_));
        EXPECT_TRUE(
            database_->transact([&](store::Transaction &sql) { return store::tokens::put(sql, token); }));
    }

    std::unique_ptr<Refresher> refresher(RefresherOptions options = {}) {
        return std::make_unique<Refresher>(*database_, vault_, *discovery_, TokenEndpoint(fetch(), clock()),
                                           *drainer_, clock(), nullptr, options);
    }
    void give_profile(const std::string &oauth) {
        EXPECT_TRUE(database_->execute("UPDATE provider_profiles SET oauth = $1", {oauth}));
    }
    StoredCredentials stored() {
        return std::move(*open_credentials(vault_, row(), *store::tokens::get(*database_, kConnection)));
    }
    store::Connection row() { return *store::connections::get(*database_, kConnection); }

    test::TempDir dir_;
    std::atomic<UnixMs> now_ = 1'800'000'000'000;
    Vault vault_;
    NullCache cache_;
    std::unique_ptr<FlakyDatabase> database_;
    std::unique_ptr<OutboxDrainer> drainer_;
    std::unique_ptr<Discovery> discovery_;
    std::atomic<int> calls_ = 0;
    std::string seen_refresh_token_;
    std::string seen_grant_type_;
    std::function<void()> on_call_;
    int status_ = 200;
    std::vector<std::pair<std::string, std::string>> headers_;
    std::string body_ = R"({"access_token":"a2","refresh_token":"r2","expires_in":3600})";
};

constexpr RefreshWish kForced{true, std::nullopt};

TEST_F(RefresherTest, StoresWhatTheProviderGave) {
    auto got = refresher()->refresh(kConnection, kForced);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->generation, 3);
    EXPECT_EQ(got->expires_at, now_ + 3'600'000);
    EXPECT_EQ(seen_refresh_token_, "r1");
    EXPECT_EQ(stored().find("access_token")->view(), "a2");
    EXPECT_EQ(stored().refresh_token.view(), "r2");
    EXPECT_EQ(row().refresh_lease_until, 0) << "the lease is given back";
}

TEST_F(RefresherTest, AnAbsentRefreshTokenKeepsTheOld) {
    body_ = R"({"access_token":"a2","expires_in":3600})";
    ASSERT_TRUE(refresher()->refresh(kConnection, kForced));
    EXPECT_EQ(stored().refresh_token.view(), "r1");
}

TEST_F(RefresherTest, AMachinesConnectionAsksAgain) {
    give_profile(R"({"grant":"client_credentials"})");
    put_tokens("a1", "", 2);
    body_ = R"({"access_token":"a2","expires_in":3600})";
    auto got = refresher()->refresh(kConnection, kForced);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(seen_grant_type_, "client_credentials");
    EXPECT_EQ(seen_refresh_token_, "");
    EXPECT_EQ(stored().find("access_token")->view(), "a2");
    EXPECT_TRUE(row().refreshable);
}

TEST_F(RefresherTest, KeptFieldsAndVariablesFollowTheAnswer) {
    give_profile(R"({"keep_response_fields":["plan"],
                     "variables":{"base":{"pattern":"https://[a-z]+\\.example","from":"response"}}})");
    body_ = R"({"access_token":"a2","plan":"gold","base":"https://eu.example"})";
    ASSERT_TRUE(refresher()->refresh(kConnection, kForced));
    EXPECT_EQ(row().metadata, R"({"plan":"gold"})");
    EXPECT_EQ(row().variables, R"({"base":"https://eu.example"})");
    now_ += 10'000;
    body_ = R"({"access_token":"a3","base":"https://evil.com"})";
    ASSERT_TRUE(refresher()->refresh(kConnection, kForced)) << "the token is good, and it is stored";
    EXPECT_EQ(stored().find("access_token")->view(), "a3");
    EXPECT_EQ(row().variables, R"({"base":"https://eu.example"})") << "a foreign value changes nothing";
}

TEST_F(RefresherTest, AReadOfAFreshTokenAsksNobody) {
    ASSERT_TRUE(refresher()->refresh(kConnection, RefreshWish{}));
    EXPECT_EQ(calls_, 0);
}

TEST_F(RefresherTest, ADeadGrantNeedsAPerson) {
    status_ = 400;
    body_ = R"({"error":"invalid_grant"})";
    auto got = refresher()->refresh(kConnection, kForced);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->state, State::kAttention);
    EXPECT_EQ(got->attention_reason, "invalid_grant");
}

// Somebody else (another process whose lease ran out, an import) renewed the refresh token while ours was
// refused.
TEST_F(RefresherTest, InvalidGrantOfAnOldRefreshTokenDoesNotCount) {
    status_ = 400;
    body_ = R"({"error":"invalid_grant"})";
    on_call_ = [this] { put_tokens("a9", "r9", 2); };
    auto got = refresher()->refresh(kConnection, kForced);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->state, State::kActive);
    EXPECT_EQ(stored().refresh_token.view(), "r9");
    EXPECT_EQ(row().refresh_lease_until, 0);
}

class PassingFailureTest : public RefresherTest, public testing::WithParamInterface<int> {};

TEST_P(PassingFailureTest, ChangesNothing) {
    status_ = GetParam();
    headers_ = {{"retry-after", "30"}};
    body_ = R"({"error":"invalid_grant"})";
    auto refresh = refresher();
    auto got = refresh->refresh(kConnection, kForced);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().errc, Errc::kTokenUnavailable);
    EXPECT_EQ(got.error().retry_after_s, GetParam() == 0 ? 1 : 30);
    EXPECT_EQ(row().state, State::kActive);
    EXPECT_EQ(row().generation, 2);
    EXPECT_EQ(row().refresh_lease_until, 0);
    EXPECT_FALSE(refresh->refresh(kConnection, kForced));
    EXPECT_EQ(calls_, 1) << "the provider is left alone for as long as it asked";
    now_ += 30'000;
    status_ = 200;
    body_ = R"({"access_token":"a2"})";
    EXPECT_TRUE(refresh->refresh(kConnection, kForced));
}

INSTANTIATE_TEST_SUITE_P(Statuses, PassingFailureTest, testing::Values(0, 408, 429, 500, 502, 503));

TEST_F(RefresherTest, ARefusedConfigurationChangesNothing) {
    status_ = 401;
    body_ = R"({"error":"invalid_client","error_description":"canary"})";
    auto got = refresher()->refresh(kConnection, kForced);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().errc, Errc::kProviderError);
    EXPECT_EQ(got.error().detail, "invalid_client");
    EXPECT_EQ(row().state, State::kActive);
}

TEST_F(RefresherTest, RevokedMeanwhileStaysRevoked) {
    on_call_ = [this] {
        store::ConnectionChange change;
        change.state = State::kRevoked;
        EXPECT_TRUE(database_->transact([&](store::Transaction &sql) {
            return store::connections::change(sql, kConnection, 2, change, now_);
        }));
    };
    auto got = refresher()->refresh(kConnection, kForced);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->state, State::kRevoked);
    EXPECT_EQ(stored().find("access_token")->view(), "a1") << "the new token was not stored";
}

TEST_F(RefresherTest, ExpiredWithoutARefreshTokenIsTheEnd) {
    store::ConnectionChange change;
    change.refreshable = false;
    ASSERT_TRUE(database_->transact([&](store::Transaction &sql) {
        return store::connections::change(sql, kConnection, 2, change, now_);
    }));
    EXPECT_EQ(refresher()->refresh(kConnection, kForced).error().errc, Errc::kNoRefreshToken);
    now_ += 60'000;
    EXPECT_EQ(refresher()->refresh(kConnection, RefreshWish{})->state, State::kExpired);
}

// Two Refreshers are two processes: they share the database only.
TEST_F(RefresherTest, TwoProcessesAskTheProviderOnce) {
    auto one = refresher();
    auto two = refresher();
    std::latch asked(1);
    std::latch other_waits(1);
    on_call_ = [&] {
        asked.count_down();
        other_waits.wait();
    };
    std::thread first([&] { EXPECT_EQ(one->refresh(kConnection, kForced)->generation, 3); });
    asked.wait();
    std::thread second([&] { EXPECT_EQ(two->refresh(kConnection, kForced)->generation, 3); });
    std::this_thread::sleep_for(
        std::chrono::milliseconds{100});  // the second finds the lease taken, or the new row
    other_waits.count_down();
    first.join();
    second.join();
    EXPECT_EQ(calls_, 1);
}

TEST_F(RefresherTest, EightCallersOneCallEightEqualAnswers) {
    auto refresh = refresher();
    std::atomic<int> equal = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] { equal += refresh->refresh(kConnection, kForced)->generation == 3; });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(calls_, 1);
    EXPECT_EQ(equal, 8);
}

// The provider has rotated, the database is away: the only copy of the new refresh token must not be lost.
TEST_F(RefresherTest, WhatCouldNotBeStoredIsStoredLater) {
    RefresherOptions options;
    options.commit_attempts = 2;
    auto refresh = refresher(options);
    on_call_ = [this] { database_->away = true; };
    auto got = refresh->refresh(kConnection, kForced);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().errc, Errc::kStoreUnavailable);
    EXPECT_EQ(stored().refresh_token.view(), "r1");

    database_->away = false;
    now_ += 20'001;  // the lease, which could not be given back, runs out
    got = refresh->refresh(kConnection, kForced);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(calls_, 1) << "r1 is dead at the provider and was not sent again";
    EXPECT_EQ(stored().find("access_token")->view(), "a2");
    EXPECT_EQ(stored().refresh_token.view(), "r2");
}

TEST_F(RefresherTest, KeptTokensThatDiedMeanwhileAreRefreshed) {
    RefresherOptions options;
    options.commit_attempts = 1;
    auto refresh = refresher(options);
    on_call_ = [this] { database_->away = true; };
    ASSERT_FALSE(refresh->refresh(kConnection, kForced));
    database_->away = false;
    on_call_ = nullptr;
    body_ = R"({"access_token":"a3","refresh_token":"r3","expires_in":3600})";
    now_ += 7'200'000;
    auto got = refresh->refresh(kConnection, RefreshWish{});
    ASSERT_TRUE(got);
    EXPECT_EQ(seen_refresh_token_, "r2");
    EXPECT_EQ(stored().find("access_token")->view(), "a3");
}

TEST_F(RefresherTest, ADeadProcesssLeaseRunsOut) {
    ASSERT_TRUE(store::connections::claim_refresh_lease(*database_, kConnection, "dead", now_, 20'000));
    now_ += 20'001;
    EXPECT_TRUE(refresher()->refresh(kConnection, kForced));
}

}  // namespace
}  // namespace nexus::control
