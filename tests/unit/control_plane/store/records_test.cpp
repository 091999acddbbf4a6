// Providers, tokens, agents and the outbox.
#include "control_plane/store/agent_repository.h"
#include "control_plane/store/identity_repository.h"
#include "control_plane/store/outbox_repository.h"
#include "control_plane/store/token_repository.h"
#include "control_plane/store/transition.h"
#include "shared/crypto/random.h"
#include "shared/encoding/base64.h"
#include "tests/unit/control_plane/store/fixture.h"

namespace nexus::control::store {
namespace {

class RecordsTest : public StoreTest {
protected:
    template <typename Work>
    auto in_transaction(Work work) {
        return database_->transact(work);
    }
    Agent add_agent(const std::string &workspace = "ws") {
        Agent agent;
        agent.id = crypto::random_uuid();
        agent.workspace_id = workspace;
        agent.name = "mailer";
        agent.grants = 0x80000003u;
        agent.providers = {"google"};
        EXPECT_TRUE(agents::create(*database_, agent));
        return agent;
    }
    Result<Agent> add_key(const Agent &agent, const std::string &key_id, const std::string &sha256) {
        return in_transaction([&](Transaction &sql) {
            return agents::add_key(sql, {key_id, agent.id, sha256, 1000, 0, 0}, 1000);
        });
    }
};
NEXUS_ON_BOTH_DATABASES(RecordsTest);

TEST_P(RecordsTest, ProvidersComeBackAsTheyWere) {
    const Provider made = add_provider("google");
    const Result<Provider> got = providers::get(*database_, made.id);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->client_secret_box, made.client_secret_box);
    EXPECT_EQ(got->scopes, made.scopes);
    EXPECT_EQ(got->allowed_hosts, made.allowed_hosts);
    EXPECT_TRUE(got->enable_discovery);
    EXPECT_EQ(got->params, made.params);
    EXPECT_EQ(providers::get(*database_, "none").error().errc, Errc::kProviderNotFound);
    EXPECT_EQ(providers::create(*database_, make_provider("google")).error().errc, Errc::kProviderExists);
}

TEST_P(RecordsTest, ProvidersAreFoundByName) {
    add_provider("google");
    const Provider upper = add_provider("Google");
    EXPECT_EQ(providers::get_by_name(*database_, "Google")->id, upper.id);
    EXPECT_EQ(providers::get_by_name(*database_, "GOOGLE").error().errc, Errc::kProviderAmbiguous);
    add_provider("github");
    EXPECT_EQ(providers::get_by_name(*database_, "GitHub")->name, "github");
    EXPECT_EQ(providers::get_by_name(*database_, "gitlab").error().errc, Errc::kProviderNotFound);
}

TEST_P(RecordsTest, ProvidersAreReplacedByRevision) {
    Provider provider = add_provider("a");
    add_provider("b");
    provider.description = "new";
    EXPECT_TRUE(providers::replace(*database_, provider, 1));
    EXPECT_EQ(providers::replace(*database_, provider, 1).error().errc, Errc::kConflict);
    EXPECT_EQ(providers::get(*database_, provider.id)->revision, 2);
    provider.name = "b";
    EXPECT_EQ(providers::replace(*database_, provider, 2).error().errc, Errc::kProviderExists);
    provider.id = "none";
    EXPECT_EQ(providers::replace(*database_, provider, 2).error().errc, Errc::kProviderNotFound);
}

TEST_P(RecordsTest, ADeletedProviderFreesItsName) {
    const Provider old = add_provider("a");
    EXPECT_TRUE(providers::soft_delete(*database_, old.id, 5000));
    EXPECT_EQ(providers::soft_delete(*database_, old.id, 5000).error().errc, Errc::kProviderNotFound);
    EXPECT_FALSE(providers::get(*database_, old.id));
    EXPECT_EQ(providers::get_any(*database_, old.id)->deleted_at, 5000);
    add_provider("a");
}

TEST_P(RecordsTest, ProvidersAreListedInPages) {
    for (const char *name : {"c", "a", "b"}) {
        add_provider(name);
    }
    const Result<ProviderPage> first = providers::list(*database_, 2, "");
    ASSERT_TRUE(first);
    ASSERT_EQ(first->items.size(), 2u);
    EXPECT_EQ(first->items[0].name, "a");
    EXPECT_EQ(providers::list(*database_, 2, encoding::base64url_encode("n:\xff")).error().errc,
              Errc::kInvalidRequest)
        << "PostgreSQL takes UTF-8 only";
    const Result<ProviderPage> second = providers::list(*database_, 2, first->next_cursor);
    ASSERT_EQ(second->items.size(), 1u);
    EXPECT_EQ(second->items[0].name, "c");
    EXPECT_EQ(second->next_cursor, "");
    EXPECT_EQ(providers::list(*database_, 2, "?").error().errc, Errc::kInvalidRequest);
}

TEST_P(RecordsTest, TokensAreReplacedInOrder) {
    const Connection connection = add_connection();
    EXPECT_EQ(tokens::get(*database_, connection.id).error().errc, Errc::kTokenUnavailable);
    const auto put = [&](int64_t version, const std::string &box) {
        return in_transaction([&](Transaction &sql) {
            return tokens::put(sql, {connection.id, box, version, 1});
        });
    };
    EXPECT_EQ(*tokens::next_version(*database_, connection.id), 1);
    EXPECT_TRUE(put(1, std::string("\0one", 4)));
    EXPECT_EQ(put(1, "again").error().errc, Errc::kConflict);
    EXPECT_EQ(*tokens::next_version(*database_, connection.id), 2);
    EXPECT_TRUE(put(2, "two"));
    EXPECT_EQ(put(2, "late").error().errc, Errc::kConflict);
    EXPECT_EQ(put(4, "early").error().errc, Errc::kConflict);
    EXPECT_EQ(tokens::get(*database_, connection.id)->box, "two");
    EXPECT_EQ(tokens::get(*database_, connection.id)->newest_version, 2);
    EXPECT_EQ(connections::get(*database_, connection.id)->token_version, 2);
    EXPECT_TRUE(tokens::erase(*database_, connection.id));
    EXPECT_TRUE(tokens::erase(*database_, connection.id));
    // Versions never come again, so that no older box fits.
    EXPECT_EQ(*tokens::next_version(*database_, connection.id), 3);
    EXPECT_TRUE(put(3, "three"));
    EXPECT_EQ(tokens::next_version(*database_, "nobody").error().errc, Errc::kConnectionNotFound);
}

TEST_P(RecordsTest, AgentsAreFoundByTheirKeys) {
    const Agent agent = add_agent();
    const std::string hash(64, 'a');
    EXPECT_EQ(add_key(agent, "key1", hash)->generation, 2);
    const Result<AgentWithKey> found = agents::find_by_key(*database_, hash);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->agent.grants, 0x80000003u);
    EXPECT_EQ(found->agent.providers, agent.providers);
    EXPECT_EQ(found->key.key_id, "key1");
    EXPECT_TRUE(found->is_active(5000));
    EXPECT_EQ(agents::find_by_key(*database_, std::string(64, 'b')).error().errc, Errc::kInvalidApiKey);
    EXPECT_EQ(add_key(agent, "key2", hash).error().errc, Errc::kConflict);
    EXPECT_EQ(agents::get(*database_, agent.id)->generation, 2);  // rolled back
}

TEST_P(RecordsTest, KeysAndAgentsAreRevoked) {
    const Agent agent = add_agent();
    ASSERT_TRUE(add_key(agent, "key1", std::string(64, 'a')));
    ASSERT_TRUE(add_key(agent, "key2", std::string(64, 'b')));
    EXPECT_EQ(
        in_transaction([&](Transaction &sql) { return agents::revoke_key(sql, agent.id, "key9", 2000); })
            .error()
            .errc,
        Errc::kAgentNotFound);
    EXPECT_EQ(in_transaction([&](Transaction &sql) {
                  return agents::revoke_key(sql, agent.id, "key1", 2000);
              })->generation,
              4);
    EXPECT_FALSE(agents::find_by_key(*database_, std::string(64, 'a'))->is_active(3000));
    EXPECT_TRUE(agents::find_by_key(*database_, std::string(64, 'b'))->is_active(3000));
    EXPECT_EQ(
        in_transaction([&](Transaction &sql) { return agents::revoke(sql, agent.id, 4000); })->revoked_at,
        4000);
    EXPECT_EQ(
        in_transaction([&](Transaction &sql) { return agents::revoke(sql, agent.id, 5000); })->revoked_at,
        4000);
    EXPECT_FALSE(agents::find_by_key(*database_, std::string(64, 'b'))->is_active(4500));
    EXPECT_EQ(add_key(agent, "key3", std::string(64, 'c')).error().errc, Errc::kAgentNotFound);
    EXPECT_EQ(agents::list_keys(*database_, agent.id)->size(), 2u);
}

TEST_P(RecordsTest, AKeyEndsAtItsExpiry) {
    AgentWithKey pair;
    pair.key.expires_at = 5000;
    EXPECT_TRUE(pair.is_active(4999));
    EXPECT_FALSE(pair.is_active(5000));
}

TEST_P(RecordsTest, AgentsAreUpdatedByGenerationAndListedByWorkspace) {
    Agent agent = add_agent();
    add_agent("other");
    agent.name = "renamed";
    const auto update = [&](int64_t generation) {
        return in_transaction([&](Transaction &sql) { return agents::update(sql, agent, generation, 2000); });
    };
    EXPECT_EQ(update(1)->name, "renamed");
    EXPECT_EQ(update(1).error().errc, Errc::kConflict);
    EXPECT_EQ(agents::list(*database_, "ws", 10, "")->items.size(), 1u);
    EXPECT_EQ(agents::list(*database_, "", 10, "")->items.size(), 2u);
    EXPECT_FALSE(agents::list(*database_, "", 1, "")->next_cursor.empty());
}

TEST_P(RecordsTest, TheOutboxHoldsOneRowARecord) {
    using redis::EventKind;
    ASSERT_TRUE(outbox::enqueue(*database_, EventKind::kToken, "c1", 2, 1000));
    ASSERT_TRUE(outbox::enqueue(*database_, EventKind::kToken, "c1", 5, 1001));
    ASSERT_TRUE(outbox::enqueue(*database_, EventKind::kToken, "c1", 3, 1002));
    ASSERT_TRUE(outbox::enqueue(*database_, EventKind::kCaller, "c1", 1, 1003));
    EXPECT_EQ(*outbox::depth(*database_), 2);
    EXPECT_TRUE(outbox::due(*database_, 999, 10)->empty());
    OutboxEntry entry = outbox::due(*database_, 2000, 10)->front();
    EXPECT_EQ(entry.generation, 5);
    EXPECT_EQ(entry.kind, EventKind::kToken);
    ASSERT_TRUE(outbox::postpone(*database_, entry, 9000));
    EXPECT_EQ(outbox::due(*database_, 2000, 10)->size(), 1u);
    EXPECT_EQ(outbox::due(*database_, 9000, 10)->back().attempts, 1);
    ASSERT_TRUE(outbox::enqueue(*database_, EventKind::kToken, "c1", 6, 2000));
    ASSERT_TRUE(outbox::done(*database_, entry));  // generation 5: 6 stays
    EXPECT_EQ(*outbox::depth(*database_), 2);
    entry.generation = 6;
    ASSERT_TRUE(outbox::done(*database_, entry));
    EXPECT_EQ(*outbox::depth(*database_), 1);
}

TEST_P(RecordsTest, AnAgentsChangeReachesAllItsKeys) {
    const Agent agent = add_agent();
    ASSERT_TRUE(add_key(agent, "key1", std::string(64, 'a')));
    ASSERT_TRUE(add_key(agent, "key2", std::string(64, 'b')));
    ASSERT_TRUE(in_transaction([&](Transaction &sql) -> Result<void> {
        Result<Agent> revoked = agents::revoke(sql, agent.id, 2000);
        if (!revoked) {
            return fail(revoked.error());
        }
        return publish_agent(sql, *revoked, {"agent.revoked", "", "", "", "", "", "", ""}, 2000);
    }));
    const auto due = outbox::due(*database_, 2000, 10);
    ASSERT_EQ(due->size(), 2u);
    EXPECT_EQ(due->front().generation, 4);
}

TEST_P(RecordsTest, IdentitiesAreReplacedAndGoWithTheirConnection) {
    const Connection connection = add_connection();
    EXPECT_EQ(identities::get(*database_, connection.id).error().errc, Errc::kNotFound);
    ASSERT_TRUE(identities::put(*database_, connection.id, {R"({"sub":"a"})", 5}));
    ASSERT_TRUE(identities::put(*database_, connection.id, {R"({"sub":"b"})", 6}));
    const Result<Identity> got = identities::get(*database_, connection.id);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->claims, R"({"sub":"b"})");
    EXPECT_EQ(got->updated_at, 6);
    ASSERT_TRUE(identities::erase(*database_, connection.id));
    ASSERT_TRUE(identities::erase(*database_, connection.id));
    EXPECT_EQ(identities::get(*database_, connection.id).error().errc, Errc::kNotFound);
    EXPECT_FALSE(identities::put(*database_, crypto::random_uuid(), {"{}", 1})) << "no such connection";
}

}  // namespace
}  // namespace nexus::control::store
