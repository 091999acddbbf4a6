// A RefreshEngine on a real (SQLite) database, with a scripted provider that answers on the sender's thread.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "control_plane/refresh/refresh_engine.h"
#include "control_plane/store/refresh_repository.h"
#include "control_plane/store/transition.h"
#include "tests/unit/control_plane/support/temp_dir.h"

namespace nexus::control::test {

/// A cache that is always there and remembers nothing.
class NullCache : public CacheWriter {
public:
    Result<WriteOutcome> write_token(const record::TokenRecord &) override { return WriteOutcome::kWritten; }
    Result<WriteOutcome> write_caller(const record::CallerRecord &) override {
        return WriteOutcome::kWritten;
    }
    Result<WriteOutcome> write_issuer(const record::IssuerRecord &) override {
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

inline Vault make_vault() {
    Result<crypto::Keyring> ring = crypto::Keyring::from_base64(
        {"TEST", Secret{std::string_view{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}});
    return Vault(std::make_shared<const crypto::Keyring>(std::move(*ring)));
}

inline constexpr const char *kConnection = "6f1c2a34-0000-4000-8000-000000000003";

class EngineTest : public testing::Test {
protected:
    EngineTest() : vault_(make_vault()) {
        DatabaseTarget target;
        target.kind = DatabaseKind::kSqlite;
        target.path = dir_.path() + "/nexus.db";
        database_ = std::make_unique<FlakyDatabase>(std::move(*store::Database::open(target)));
        EXPECT_TRUE(database_->migrate());
        drainer_ = std::make_unique<OutboxDrainer>(
            *database_, cache_,
            [this](const store::OutboxEntry &) {
                on_cache_write_();
                return std::optional<CacheRecord>{};
            },
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
                return fail(failure_, "no answer");
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
        change.state = connection::State::kActive;
        change.refreshable = true;
        change.expires_at = now_ + 60'000;
        put_tokens("a1", "r1", 1);
        EXPECT_TRUE(database_->transact([&](store::Transaction &sql) {
            return store::change_connection(sql, kConnection, 1, change, {}, now_);
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

    std::unique_ptr<RefreshEngine> engine(RefreshOptions options = {}) {
        options.journal_folder = dir_.path();
        return std::make_unique<RefreshEngine>(
            *database_, vault_, *discovery_, TokenEndpoint(fetch(), clock()),
            [send = fetch()](const HttpRequest &request,
                             const std::function<void(Result<HttpResponse>)> &done,
                             std::chrono::milliseconds) { done(send(request)); },
            *drainer_, clock(), nullptr, options);
    }
    store::Refresh queued() { return *store::refreshes::get(*database_, kConnection); }
    void lapse(int64_t ms) { now_ += ms; }
    void give_profile(const std::string &oauth) {
        EXPECT_TRUE(database_->execute("UPDATE provider_profiles SET oauth = $1", {oauth}));
    }
    StoredCredentials stored() {
        return std::move(*open_credentials(vault_, row(), *store::tokens::get(*database_, kConnection)));
    }
    store::Connection row() { return *store::connections::get(*database_, kConnection); }

    nexus::test::TempDir dir_;
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
    std::function<void()> on_cache_write_ = [] {};
    int status_ = 200;  // 0 = `failure_`
    Errc failure_ = Errc::kProviderUnavailable;
    std::vector<std::pair<std::string, std::string>> headers_;
    std::string body_ = R"({"access_token":"a2","refresh_token":"r2","expires_in":3600})";
};

inline constexpr RefreshWish kForced{true, std::nullopt};

}  // namespace nexus::control::test
