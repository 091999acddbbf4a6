#include <atomic>
#include <thread>

#include "control_plane/store/audit_repository.h"
#include "control_plane/store/connection_whole.h"
#include "control_plane/store/flow_poll.h"
#include "control_plane/store/outbox_repository.h"
#include "control_plane/store/transition.h"
#include "tests/unit/control_plane/store/fixture.h"

namespace nexus::control::store {
namespace {

using connection::State;

class ConnectionsTest : public StoreTest {
protected:
    Result<Connection> change(const Connection &connection, int64_t generation,
                              const ConnectionChange &change) {
        return database_->transact([&](Transaction &sql) {
            return connections::change(sql, connection.id, generation, change, 2000);
        });
    }
    Connection activate(const Connection &connection) {
        ConnectionChange to_active;
        to_active.state = State::kActive;
        to_active.expires_at = 50000;
        to_active.refreshable = true;
        return *change(connection, connection.generation, to_active);
    }
};
NEXUS_ON_BOTH_DATABASES(ConnectionsTest);

Flow new_flow(const std::string &id, UnixMs expires_at) {
    Flow flow;
    flow.flow_id = id;
    flow.flow_expires_at = expires_at;
    return flow;
}

TEST_P(ConnectionsTest, ComeBackAsTheyWere) {
    const Connection made = add_connection();
    const Result<Connection> got = connections::get(*database_, made.id);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->workspace_id, made.workspace_id);
    EXPECT_EQ(got->state, State::kPending);
    EXPECT_EQ(got->scopes, made.scopes);
    EXPECT_EQ(got->code_verifier_box, made.code_verifier_box);
    EXPECT_EQ(got->flow_expires_at, made.flow_expires_at);
    EXPECT_EQ(connections::get(*database_, "none").error().errc, Errc::kConnectionNotFound);
}

TEST_P(ConnectionsTest, ComeWithTheirProviderAndToken) {
    const Connection made = add_connection();
    add_connection();
    Result<ConnectionWhole> whole = connections::get_whole(*database_, made.id);
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->connection.id, made.id);
    EXPECT_EQ(whole->connection.scopes, made.scopes);
    EXPECT_EQ(whole->connection.generation, made.generation);
    EXPECT_EQ(whole->connection.state, made.state);
    EXPECT_EQ(whole->provider.id, made.provider_id);
    EXPECT_EQ(whole->provider.name, providers::get(*database_, made.provider_id)->name);
    EXPECT_FALSE(whole->token);

    ASSERT_TRUE(database_->transact([&](Transaction &sql) {
        return tokens::put(sql, {made.id, std::string("\0box", 4), 1, 3000});
    }));
    whole = connections::get_whole(*database_, made.id);
    ASSERT_TRUE(whole && whole->token);
    EXPECT_EQ(whole->token->connection_id, made.id);
    EXPECT_EQ(whole->token->box, std::string("\0box", 4));
    EXPECT_EQ(whole->token->version, 1);
    EXPECT_EQ(connections::get_whole(*database_, "none").error().errc, Errc::kConnectionNotFound);
}

TEST_P(ConnectionsTest, AreListedNewestFirstInPages) {
    std::vector<std::string> expected;
    for (int i = 0; i < 5; ++i) {
        expected.insert(expected.begin(), add_connection("ws", 1000 + i / 2).id);  // some of equal age
    }
    add_connection("other");
    ConnectionFilter filter;
    filter.workspace_id = "ws";
    std::vector<std::string> seen;
    std::string cursor;
    do {
        const Result<ConnectionPage> page = connections::list(*database_, filter, 2, cursor);
        ASSERT_TRUE(page);
        for (const Connection &connection : page->items) {
            seen.push_back(connection.id);
        }
        cursor = page->next_cursor;
    } while (!cursor.empty());
    EXPECT_THAT(seen, testing::UnorderedElementsAreArray(expected));
    filter.state = State::kActive;
    EXPECT_TRUE(connections::list(*database_, filter, 10, "")->items.empty());
    for (const char *bad : {"x", "!!", "MTA", "bm90YW51bWJlcjp4"}) {
        EXPECT_EQ(connections::list(*database_, filter, 10, bad).error().errc, Errc::kInvalidRequest) << bad;
    }
}

TEST_P(ConnectionsTest, AChangeNeedsTheGenerationAndBumpsIt) {
    const Connection made = add_connection();
    const Connection active = activate(made);
    EXPECT_EQ(active.generation, 2);
    EXPECT_EQ(active.state, State::kActive);
    EXPECT_EQ(active.expires_at, 50000);
    EXPECT_TRUE(active.refreshable);
    EXPECT_EQ(active.scopes, made.scopes);
    EXPECT_EQ(change(made, 1, {}).error().errc, Errc::kConflict);
    EXPECT_EQ(connections::get(*database_, made.id)->generation, 2);
}

TEST_P(ConnectionsTest, AReasonDoesNotOutliveItsState) {
    const Connection active = activate(add_connection());
    ConnectionChange attention;
    attention.state = State::kAttention;
    attention.attention_reason = "invalid_grant";
    EXPECT_EQ(change(active, 2, attention)->attention_reason, "invalid_grant");
    ConnectionChange again;
    again.state = State::kActive;
    EXPECT_EQ(change(active, 3, again)->attention_reason, "");
}

TEST_P(ConnectionsTest, RevokedIsFinal) {
    const Connection made = add_connection();
    ConnectionChange revoke;
    revoke.state = State::kRevoked;
    ASSERT_TRUE(change(made, 1, revoke));
    ConnectionChange back;
    back.state = State::kActive;
    EXPECT_EQ(change(made, 2, back).error().errc, Errc::kConflict);
    EXPECT_EQ(connections::start_flow(*database_, made.id, new_flow("f", 9000), 1).error().errc,
              Errc::kConnectionRevoked);
}

TEST_P(ConnectionsTest, AFlowIsUsedOnce) {
    const Connection made = add_connection();
    std::atomic<int> winners{0}, losers{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
        threads.emplace_back([&] {
            const Result<Connection> taken = database_->transact(
                [&](Transaction &sql) { return connections::take_flow(sql, made.id, "flow-1", 2000); });
            winners += taken && taken->code_verifier_box == made.code_verifier_box ? 1 : 0;
            losers += !taken && taken.error().errc == Errc::kInvalidState ? 1 : 0;
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(losers, 5);
    const Connection after = *connections::get(*database_, made.id);
    EXPECT_EQ(after.flow_id + after.code_verifier_box + after.nonce, "");
}

TEST_P(ConnectionsTest, AFlowExpiresAndIsNamedExactly) {
    const Connection made = add_connection();
    EXPECT_TRUE(connections::peek_flow(*database_, made.id, "flow-1", 600999));
    EXPECT_FALSE(connections::peek_flow(*database_, made.id, "flow-1", 601000));
    EXPECT_FALSE(connections::peek_flow(*database_, made.id, "flow-2", 2000));
    ASSERT_TRUE(database_->transact(
        [&](Transaction &sql) { return connections::take_flow(sql, made.id, "flow-1", 2000); }));
    EXPECT_FALSE(connections::peek_flow(*database_, made.id, "", 2000));
    Flow flow = new_flow("flow-2", 700000);
    flow.scopes = {"s"};
    flow.variables = R"({"shop":"a"})";
    ASSERT_TRUE(connections::start_flow(*database_, made.id, flow, 3000));
    EXPECT_EQ(connections::peek_flow(*database_, made.id, "flow-2", 4000)->flow_variables, flow.variables);
    EXPECT_EQ(connections::peek_flow(*database_, made.id, "flow-2", 4000)->flow_scopes,
              std::vector<std::string>{"s"});
}

TEST_P(ConnectionsTest, ADeviceFlowIsAskedForInTurns) {
    const Connection made = add_connection();
    const auto claim = [&](std::string_view flow, UnixMs now) {
        return *connections::claim_flow_poll(*database_, made.id, flow, now, now + 25000);
    };
    EXPECT_EQ(claim("flow-1", 10000), 0);
    EXPECT_EQ(claim("flow-1", 34999), std::nullopt) << "somebody asks";
    EXPECT_EQ(claim("flow-1", 35000), 0) << "who never came back";
    ASSERT_TRUE(connections::schedule_flow_poll(*database_, made.id, "flow-1", 45000, 10));
    EXPECT_EQ(claim("flow-1", 44999), std::nullopt);
    EXPECT_EQ(claim("flow-2", 50000), std::nullopt) << "another flow";
    EXPECT_EQ(claim("flow-1", 45000), 10);
    ASSERT_TRUE(connections::start_flow(*database_, made.id, new_flow("flow-2", 700000), 46000));
    EXPECT_EQ(claim("flow-2", 46000), 0) << "a new flow begins anew";
}

TEST_P(ConnectionsTest, ATransitionWritesAuditAndOutboxOrNothing) {
    const Connection made = add_connection();
    ConnectionChange to_active;
    to_active.state = State::kActive;
    const auto transition = [&](int64_t generation) {
        return database_->transact([&](Transaction &sql) {
            return change_connection(
                sql, made.id, generation, to_active,
                {std::string(audit::kConnectionActivated), "", "", "", "system", "", "", ""}, 2000);
        });
    };
    ASSERT_FALSE(transition(9));
    EXPECT_EQ(*outbox::depth(*database_), 0);
    EXPECT_TRUE(audit_log::list(*database_, {}, 10)->empty());
    ASSERT_TRUE(transition(1));
    const auto due = outbox::due(*database_, 2000, 10);
    ASSERT_EQ(due->size(), 1u);
    EXPECT_EQ(due->front().generation, 2);
    const auto events = audit_log::list(*database_, {}, 10);
    ASSERT_EQ(events->size(), 1u);
    EXPECT_EQ(events->front().event.connection_id, made.id);
    EXPECT_EQ(events->front().event.workspace_id, "ws");
}

TEST_P(ConnectionsTest, DeletedOnesAreFoundByEdgesOnlyAndPurgedLater) {
    const Connection kept = add_connection();
    const Connection gone = add_connection();
    ConnectionChange change_to;
    change_to.state = State::kRevoked;
    change_to.deleted_at = 5000;
    ASSERT_TRUE(change(gone, gone.generation, change_to));
    EXPECT_EQ(connections::get(*database_, gone.id).error().errc, Errc::kConnectionNotFound);
    EXPECT_EQ(connections::get_any(*database_, gone.id)->deleted_at, 5000);
    EXPECT_EQ(connections::list(*database_, {}, 10, "")->items.size(), 1u);
    EXPECT_FALSE(connections::peek_flow(*database_, gone.id, gone.flow_id, 1));
    EXPECT_EQ(connections::start_flow(*database_, gone.id, new_flow("f", 10000), 1).error().errc,
              Errc::kConnectionNotFound);
    EXPECT_EQ(change(gone, gone.generation + 1, {}).error().errc, Errc::kConnectionNotFound);
    EXPECT_EQ(*connections::purge_deleted(*database_, 5000, 10), 0);
    EXPECT_EQ(*connections::purge_deleted(*database_, 5001, 10), 1);
    EXPECT_FALSE(connections::get_any(*database_, gone.id));
    EXPECT_TRUE(connections::get(*database_, kept.id));
}

TEST_P(ConnectionsTest, AreFoundByWholeLabels) {
    const Connection a = add_connection();
    const Connection b = add_connection();
    ConnectionChange labels;
    labels.labels = R"({"env":"prod","team":"red"})";
    ASSERT_TRUE(change(a, a.generation, labels));
    labels.labels = R"({"env":"x\",\"team\":\"red","team":"Red"})";
    ASSERT_TRUE(change(b, b.generation, labels));
    auto found = [&](std::vector<std::pair<std::string, std::string>> wanted) {
        ConnectionFilter filter;
        filter.labels = std::move(wanted);
        std::vector<std::string> ids;
        const Result<ConnectionPage> page = connections::list(*database_, filter, 10, "");
        for (const Connection &connection : page->items) {
            ids.push_back(connection.id);
        }
        return ids;
    };
    EXPECT_EQ(found({{"env", "prod"}}), std::vector<std::string>{a.id});
    EXPECT_EQ(found({{"team", "red"}}), std::vector<std::string>{a.id}) << "byte by byte, and whole";
    EXPECT_EQ(found({{"env", "x\",\"team\":\"red"}}), std::vector<std::string>{b.id});
    EXPECT_EQ(found({{"env", "prod"}, {"team", "Red"}}), std::vector<std::string>{});
    EXPECT_EQ(found({{"env", "pro"}}), std::vector<std::string>{});
}

TEST_P(ConnectionsTest, ExpiredPendingOnesAreSwept) {
    const Connection old = add_connection();
    const Connection active = activate(add_connection());
    EXPECT_EQ(*connections::delete_expired_pending(*database_, 600000, 10), 0);
    EXPECT_EQ(*connections::delete_expired_pending(*database_, 601001, 10), 1);
    EXPECT_FALSE(connections::get(*database_, old.id));
    EXPECT_TRUE(connections::get(*database_, active.id));
}

TEST_P(ConnectionsTest, OneWhoseFlowIsJustEndingIsNotSwept) {
    const Connection pending = add_connection();
    ASSERT_TRUE(database_->transact(
        [&](Transaction &sql) { return connections::take_flow(sql, pending.id, "flow-1", 600000); }));
    EXPECT_EQ(*connections::delete_expired_pending(*database_, 600000, 10), 0);
    EXPECT_EQ(*connections::delete_expired_pending(*database_, 601001, 10), 1) << "and if it never ended";
}

}  // namespace
}  // namespace nexus::control::store
