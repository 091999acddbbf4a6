// Importing connections: what is taken, what is refused, and that again is harmless.
#include "control_plane/services/imports/import_service.h"

#include <gmock/gmock.h>

#include "control_plane/services/connections/record_builder.h"
#include "control_plane/services/providers/provider_service.h"
#include "control_plane/services/time_text.h"
#include "control_plane/store/audit_repository.h"
#include "tests/unit/control_plane/services/fixture.h"

namespace nexus::control {
namespace {

using connection::State;
using testing::ElementsAre;

constexpr const char *kId = "6F1C2A34-0000-4000-8000-000000000009";
constexpr const char *kCanonical = "6f1c2a34-0000-4000-8000-000000000009";

class ImportServiceTest : public ServiceTest {
protected:
    ImportServiceTest()
        : builder_(*database_, vault_, clock()),
          providers_(*database_, vault_, *drainer_, EgressGuard({}), clock()),
          imports_(*database_, vault_, *drainer_, clock()) {
        records_ = [this](const store::OutboxEntry &entry) { return builder_.for_outbox(entry); };
        EXPECT_TRUE(providers_.create(
            admin(),
            parse(
                R"({"name":"demo","client_id":"c","client_secret":"s","auth_url":"https://i/a","token_url":"https://i/t"})")));
        EXPECT_TRUE(providers_.create(admin(), parse(R"({"name":"keyed","auth_type":"api_key"})")));
    }

    // The members of a good item, `more` laid over them; null takes one away.
    static json::Value item(const std::string &more = "{}") {
        json::Value out = parse(
            R"({"provider_name":"demo","workspace_id":"w","user_id":"u","scopes":["a"],
                "credentials":{"access_token":"at","refresh_token":"rt","scope":"a longer scope than fits in place","expires_at":"2027-01-15T09:00:00Z"}})");
        json::Value over = parse(more);
        for (const std::string &name : over.names()) {
            out.set(name, over.get(name));
        }
        return out;
    }
    static json::Value kept(const std::string &more = "{}") {
        json::Value out = item(more);
        out.set("id", kId);
        return out;
    }
    Result<Imported> import(const json::Value &object, bool dry_run = false) {
        return imports_.import_one(admin(), object, dry_run);
    }
    std::string token_of(const std::string &id) {
        Result<record::TokenRecord> record = builder_.token(id);
        for (const auto &[name, value] : record->credentials) {
            if (name == "access_token" || name == "api_key") {
                return std::string{value.view()};
            }
        }
        return "";
    }
    int64_t events(const std::string &type) {
        store::Rows rows = *database_->execute("SELECT count(*) FROM audit_events WHERE event_type = $1",
                                               {store::text(type)});
        return std::get<int64_t>(rows.rows.front().front());
    }

    RecordBuilder builder_;
    ProviderService providers_;
    ImportService imports_;
};

TEST_F(ImportServiceTest, TakesATokenInAndTellsTheEdges) {
    Result<Imported> imported =
        import(kept(R"({"labels":{"team":"x"},"created_at":"2020-02-29T00:00:00+01:00"})"));
    ASSERT_TRUE(imported) << imported.error().message;
    store::Connection row = *store::connections::get(*database_, kCanonical);
    EXPECT_EQ(row.state, State::kActive);
    EXPECT_TRUE(row.refreshable);
    EXPECT_EQ(row.expires_at, *parse_rfc3339("2027-01-15T09:00:00Z"));
    EXPECT_EQ(row.labels, R"({"team":"x"})");
    EXPECT_THAT(row.scopes, ElementsAre("a"));
    EXPECT_EQ(to_rfc3339(row.created_at), "2020-02-28T23:00:00Z");
    EXPECT_EQ(token_of(kCanonical), "at");
    EXPECT_EQ(events("connection.imported"), 1);
    EXPECT_THAT(cache_.tokens, ElementsAre(State::kActive));
}

TEST_F(ImportServiceTest, AnIdTokenIsNotKept) {
    Result<Imported> imported =
        import(item(R"({"scopes":null,"credentials":{"access_token":"at","scope":"x y","id_token":"it"}})"));
    ASSERT_TRUE(imported);
    EXPECT_THAT(imported->left_out, ElementsAre("credentials.id_token"));
    std::string id = imported->view.connection.id;
    StoredCredentials stored =
        *open_credentials(vault_, imported->view.connection, *store::tokens::get(*database_, id));
    EXPECT_EQ(stored.find("id_token"), nullptr);
    EXPECT_TRUE(imported->view.connection.account_subject.empty());
    EXPECT_THAT(imported->view.connection.scopes, ElementsAre("x", "y")) << "the token says so";
}

TEST_F(ImportServiceTest, TakesStaticCredentialsOfTheSchemaOnly) {
    Result<Imported> imported = import(item(R"({"provider_name":"keyed","credentials":{"api_key":"k"}})"));
    ASSERT_TRUE(imported) << imported.error().message;
    EXPECT_EQ(token_of(imported->view.connection.id), "k");
    EXPECT_FALSE(imported->view.connection.refreshable);
    for (const char *credentials : {R"({"api_key":"k","access_token":"planted"})", R"({"api_key":""})", "{}",
                                    R"({"access_token":"at"})", R"({"api_key":"a\nb"})"}) {
        EXPECT_FALSE(
            import(item(R"({"provider_name":"keyed","credentials":)" + std::string{credentials} + "}")))
            << credentials;
    }
}

TEST_F(ImportServiceTest, AgainIsUnchangedAndAnotherOwnersIdRefused) {
    ASSERT_TRUE(import(kept()));
    Result<Imported> again = import(kept(R"({"credentials":{"access_token":"older"},"scopes":["b"]})"));
    EXPECT_EQ(again->result, ImportResult::kUnchanged);
    EXPECT_EQ(token_of(kCanonical), "at") << "what it has got since is newer";
    EXPECT_EQ(events("connection.imported"), 1);
    for (const char *other : {R"({"workspace_id":"w2"})", R"({"user_id":"u2"})",
                              R"({"provider_name":"keyed","credentials":{"api_key":"k"}})"}) {
        EXPECT_EQ(import(kept(other)).error().errc, Errc::kConflict) << other;
    }
}

TEST_F(ImportServiceTest, ReplaceSealsAnew) {
    ASSERT_TRUE(import(kept()));
    EXPECT_EQ(import(kept(R"({"replace":true})"))->result, ImportResult::kUnchanged) << "the same";
    Result<Imported> replaced = import(kept(R"({"replace":true,"credentials":{"access_token":"at2"}})"));
    ASSERT_TRUE(replaced) << replaced.error().message;
    EXPECT_EQ(replaced->result, ImportResult::kReplaced);
    EXPECT_EQ(token_of(kCanonical), "at2");
    EXPECT_FALSE(replaced->view.connection.refreshable);

    store::Connection row = *store::connections::get(*database_, kCanonical);
    ASSERT_TRUE(database_->transact([&](store::Transaction &sql) {
        store::ConnectionChange change;
        change.state = State::kRevoked;
        return store::connections::change(sql, row.id, row.generation, change, now_);
    }));
    EXPECT_EQ(import(kept(R"({"replace":true,"credentials":{"access_token":"at3"}})")).error().errc,
              Errc::kConflict)
        << "revoked is final";
}

TEST_F(ImportServiceTest, WhatAReplacementDoesNotSayStays) {
    ASSERT_TRUE(import(kept(R"({"labels":{"team":"red"}})")));
    const Result<Imported> replaced = import(kept(
        R"({"replace":true,"scopes":null,"credentials":{"access_token":"at2","expires_at":"2027-01-15T09:00:00Z"}})"));
    ASSERT_TRUE(replaced) << replaced.error().message;
    EXPECT_THAT(replaced->view.connection.scopes, ElementsAre("a"));
    EXPECT_EQ(replaced->view.connection.labels, R"({"team":"red"})");

    const Result<Imported> later = import(kept(
        R"({"replace":true,"scopes":null,"credentials":{"access_token":"at2","expires_at":"2027-02-15T09:00:00Z"}})"));
    EXPECT_EQ(later->result, ImportResult::kReplaced) << "the same token ends later";
    EXPECT_EQ(later->view.connection.expires_at, *parse_rfc3339("2027-02-15T09:00:00Z"));
    EXPECT_EQ(
        import(
            kept(
                R"({"replace":true,"credentials":{"access_token":"at2","expires_at":"1970-01-01T00:00:00Z"}})"))
            .error()
            .errc,
        Errc::kInvalidRequest)
        << "no way to say never";
}

TEST_F(ImportServiceTest, States) {
    Result<Imported> attention = import(item(R"({"state":"attention","reason":"invalid_grant"})"));
    ASSERT_TRUE(attention) << attention.error().message;
    EXPECT_EQ(attention->view.connection.state, State::kAttention);
    EXPECT_EQ(attention->view.connection.attention_reason, "invalid_grant");
    EXPECT_TRUE(store::tokens::get(*database_, attention->view.connection.id));
    EXPECT_EQ(import(item(R"({"state":"failed","credentials":null})"))->view.connection.attention_reason,
              "imported");
    EXPECT_EQ(import(item(R"({"state":"expired","credentials":null})"))->view.connection.state,
              State::kExpired);
    for (const char *odd :
         {R"({"state":"pending"})", R"({"state":"revoked"})", R"({"state":"odd"})", R"({"state":"failed"})",
          R"({"credentials":null})", R"({"reason":"x"})", R"({"state":"attention","reason":"A b"})"}) {
        EXPECT_FALSE(import(item(odd))) << odd;
    }
}

TEST_F(ImportServiceTest, BadItemsNameTheMemberAndNoSecret) {
    struct Case {
        const char *more;
        const char *member;
    };
    for (const Case &c :
         {Case{R"({"workspace_id":null})", "workspace_id"},
          Case{R"({"workspace_id":"a\nb"})", "workspace_id"},
          Case{R"({"provider_id":"6f1c2a34-0000-4000-8000-000000000001"})", "provider_id"},
          Case{R"({"provider_name":null})", "provider_id"}, Case{R"({"id":"x"})", "id"},
          Case{R"({"labels":{"a":1}})", "labels"}, Case{R"({"odd":1})", "odd"},
          Case{R"({"created_at":"2999-01-01T00:00:00Z"})", "created_at"},
          Case{R"({"scopes":["a b"]})", "scopes"},
          Case{R"({"credentials":{"access_token":"canary","odd":1}})", "credentials.odd"},
          Case{R"({"credentials":{"access_token":"canary\u00e9"}})", "credentials.access_token"},
          Case{R"({"credentials":{"refresh_token":"canary"}})", "credentials.access_token"},
          Case{R"({"credentials":{"access_token":"canary","expires_at":"soon"}})", "credentials.expires_at"},
          Case{R"({"credentials":{"access_token":"canary","expires_in":-1}})", "credentials.expires_in"}}) {
        Result<Imported> imported = import(item(c.more));
        ASSERT_FALSE(imported) << c.more;
        EXPECT_NE((imported.error().message + imported.error().detail).find(c.member), std::string::npos)
            << c.more << ": " << imported.error().message;
        EXPECT_EQ(imported.error().message.find("canary"), std::string::npos);
    }
    EXPECT_EQ(import(item(R"({"provider_name":"none"})")).error().errc, Errc::kProviderNotFound);
}

TEST_F(ImportServiceTest, AKeyOfOneWorkspaceStaysInItAndLearnsNoId) {
    Caller bound = admin();
    bound.workspace_id = "w";
    auto import_bound = [&](const json::Value &object) { return imports_.import_one(bound, object, false); };
    EXPECT_EQ(import_bound(item(R"({"workspace_id":null})"))->view.connection.workspace_id, "w");
    EXPECT_EQ(import_bound(item(R"({"workspace_id":"w2"})")).error().errc, Errc::kInsufficientGrant);
    Error free_id = import_bound(kept()).error();
    ASSERT_TRUE(import(kept(R"({"workspace_id":"w2"})")));
    Error taken_id = import_bound(kept()).error();
    EXPECT_EQ(free_id.errc, Errc::kInsufficientGrant);
    EXPECT_EQ(taken_id.errc, free_id.errc);
    EXPECT_EQ(taken_id.message, free_id.message);

    json::Value own = item();
    own.set("id", "6f1c2a34-0000-4000-8000-00000000000a");
    ASSERT_TRUE(import(own));
    EXPECT_EQ(import_bound(own)->result, ImportResult::kUnchanged);
}

TEST_F(ImportServiceTest, ADryRunKeepsNothing) {
    EXPECT_EQ(import(kept(), true)->result, ImportResult::kCreated);
    EXPECT_FALSE(store::connections::get(*database_, kCanonical));
    EXPECT_EQ(events("connection.imported"), 0);
    EXPECT_TRUE(cache_.tokens.empty());
    EXPECT_TRUE(import(kept()));
}

TEST_F(ImportServiceTest, OneRefusedItemStopsNoOther) {
    std::vector<json::Value> items;
    items.push_back(kept());
    items.push_back(item(R"({"workspace_id":null})"));
    items.push_back(kept(R"({"user_id":"other"})"));  // the id of the first: refused by what the first wrote
    items.push_back(item());
    for (bool dry_run : {true, false}) {
        std::vector<Result<Imported>> results = imports_.import_all(admin(), items, dry_run);
        ASSERT_EQ(results.size(), 4u);
        EXPECT_TRUE(results[0]);
        EXPECT_EQ(results[1].error().errc, Errc::kMissingFields);
        EXPECT_TRUE(dry_run || results[2].error().errc == Errc::kConflict);
        EXPECT_TRUE(results[3]);
    }
    EXPECT_EQ(events("connection.imported"), 2);
}

TEST(TimeText, ReadsRfc3339) {
    EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), 0);
    EXPECT_EQ(parse_rfc3339("2026-11-23T02:30:00.25+02:30"), parse_rfc3339("2026-11-23T00:00:00.250Z"));
    EXPECT_EQ(to_rfc3339(*parse_rfc3339("2024-02-29T23:59:59Z")), "2024-02-29T23:59:59Z");
    for (const char *text :
         {"", "2026-11-23", "2026-11-23T02:30:00", "2026-02-30T00:00:00Z", "2026-11-23T24:00:00Z",
          "2026-11-23T02:30:00Zx", "1969-12-31T23:59:59Z", "2026-11-23T02:30:00.Z", "20261123T023000Z"}) {
        EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace nexus::control
