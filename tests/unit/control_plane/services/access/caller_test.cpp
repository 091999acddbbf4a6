// Who may see what, and whose key is whose.
#include "control_plane/services/access/authenticator.h"

#include "control_plane/services/agents/agent_service.h"
#include "control_plane/services/connections/record_builder.h"
#include "control_plane/store/control_key_repository.h"
#include "control_plane/store/outbox_repository.h"
#include "control_plane/store/workspace_repository.h"
#include "tests/unit/control_plane/services/fixture.h"

namespace nexus::control {
namespace {

Caller agent(std::vector<std::string> connections, std::vector<std::string> providers) {
    Caller caller;
    caller.kind = Caller::Kind::kAgent;
    caller.agent.workspace_id = "w1";
    caller.agent.grants = static_cast<uint32_t>(record::Grant::kTokenUse);
    caller.agent.connections = std::move(connections);
    caller.agent.providers = std::move(providers);
    return caller;
}

TEST(Caller, SeesItsWorkspaceAndItsListsOnly) {
    EXPECT_TRUE(agent({}, {}).may_see("w1", "c1", "p1"));
    EXPECT_FALSE(agent({}, {}).may_see("w2", "c1", "p1"));
    EXPECT_TRUE(agent({"c1"}, {}).may_see("w1", "c1", "p1"));
    EXPECT_FALSE(agent({"c2"}, {}).may_see("w1", "c1", "p1"));
    EXPECT_FALSE(agent({"c1"}, {"p2"}).may_see("w1", "c1", "p1"));
    EXPECT_FALSE(Caller{}.may_see("w1", "c1", "p1")) << "a person's browser sees nothing";
    EXPECT_FALSE(Caller{}.may(record::Grant::kTokenUse));
    EXPECT_FALSE(agent({}, {}).may(record::Grant::kTokenRead));
    Caller boss = agent({}, {});
    boss.agent.grants = static_cast<uint32_t>(record::Grant::kAdmin);
    EXPECT_TRUE(boss.may(record::Grant::kTokenRead));
    EXPECT_FALSE(boss.may_see("w2", "c1", "p1")) << "admin of its workspace";
}

Caller control(Scopes scopes, std::string workspace = {}) {
    Caller caller;
    caller.kind = Caller::Kind::kControl;
    caller.scopes = scopes;
    caller.workspace_id = std::move(workspace);
    return caller;
}

TEST(Caller, AControlKeySeesItsWorkspaceOrAll) {
    EXPECT_TRUE(control(Scopes::all()).may_see("w1", "c1", "p1"));
    EXPECT_TRUE(control(Scopes::all(), "w1").may_see("w1", "c1", "p1"));
    EXPECT_FALSE(control(Scopes::all(), "w1").may_see("w2", "c1", "p1"));
    EXPECT_FALSE(control(Scopes::all(), "w1").may_enter(""));
    EXPECT_EQ(*control(Scopes::all()).choose_workspace(""), "");
    EXPECT_EQ(*control(Scopes::all(), "w1").choose_workspace(""), "w1");
    EXPECT_EQ(*agent({}, {}).choose_workspace(""), "w1");
    EXPECT_EQ(control(Scopes::all(), "w1").choose_workspace("w2").error().errc, Errc::kInsufficientGrant);
    EXPECT_EQ(control(Scopes::all()).require_workspace("").error().errc, Errc::kMissingFields);
}

TEST(Caller, ScopesAreWorthGrants) {
    using record::Grant;
    EXPECT_TRUE(control(Scope::kTokensRead).may(Grant::kTokenRead));
    EXPECT_FALSE(control(Scope::kTokensRead).may(Grant::kConnectionRefresh));
    EXPECT_FALSE(control(Scope::kEdge).may(Grant::kTokenRead));
    EXPECT_TRUE(control(Scopes::all()).may(Grant::kAdmin));
    EXPECT_FALSE(control(Scope::kTokensRead).may(Grant::kAdmin));
    EXPECT_TRUE(control(Scope::kAgentsWrite).may_give(static_cast<uint32_t>(Grant::kTokenUse)));
    EXPECT_FALSE(control(Scope::kAgentsWrite).may_give(static_cast<uint32_t>(Grant::kTokenRead)));
    EXPECT_FALSE(Caller{}.may_give(static_cast<uint32_t>(Grant::kTokenRead)));
}

class AuthenticatorTest : public ServiceTest {
protected:
    AuthenticatorTest() : builder_(*database_, vault_, clock()), agents_(*database_, *drainer_, clock()) {
        records_ = [this](const store::OutboxEntry &entry) { return builder_.for_outbox(entry); };
        keys_ = {{crypto::sha256("full-key"), KeyScope::kFull},
                 {crypto::sha256("edge-key"), KeyScope::kEdge}};
    }
    NewAgent make_agent(UnixMs expires_at = 0) {
        AgentRequest request{"a", "w1", {"token:read"}, {}, {}, {}, expires_at};
        return std::move(*agents_.create(admin(), request));
    }
    Result<Authenticated> who(std::string_view key, std::string_view agent = {}) {
        return Authenticator(*database_, keys_, clock()).authenticate({key, agent, "127.0.0.1", ""});
    }

    RecordBuilder builder_;
    AgentService agents_;
    std::vector<ControlKey> keys_;
};

TEST_F(AuthenticatorTest, KnowsEveryKindOfKey) {
    NewAgent made = make_agent();
    EXPECT_EQ(who("full-key")->scopes, Scopes::all());
    EXPECT_EQ(who("edge-key")->scopes, Scopes{Scope::kEdge});
    Result<Authenticated> own = who(made.key.text.view());
    ASSERT_TRUE(own);
    EXPECT_TRUE(own->is_agent());
    EXPECT_EQ(own->caller.actor, "agent:" + made.agent.id);
    EXPECT_EQ(own->scopes, std::nullopt);
    Result<Authenticated> passed = who("edge-key", made.agent.id);
    EXPECT_TRUE(passed->is_agent());
    EXPECT_EQ(passed->caller.agent.id, made.agent.id);
}

TEST_F(AuthenticatorTest, RefusesWhatIsNotGood) {
    NewAgent made = make_agent(now_ + 1000);
    std::string key{made.key.text.view()};
    EXPECT_EQ(who("").error().errc, Errc::kMissingApiKey);
    for (std::string bad :
         {std::string{"x"}, key + "x", key.substr(1), std::string{"nxa_"}, std::string{"full-key "}}) {
        EXPECT_EQ(who(bad).error().errc, Errc::kInvalidApiKey) << bad.size();
    }
    EXPECT_EQ(who("edge-key", "nonsense").error().errc, Errc::kInvalidApiKey);
    EXPECT_EQ(who("edge-key", "00000000-0000-4000-8000-000000000000").error().errc, Errc::kInvalidApiKey);
    EXPECT_EQ(who(key, made.agent.id).error().errc, Errc::kInvalidApiKey)
        << "an agent cannot speak for another";
    EXPECT_TRUE(who(key));
    now_ += 1000;
    EXPECT_EQ(who(key).error().errc, Errc::kInvalidApiKey) << "expired";
}

TEST_F(AuthenticatorTest, ARevokedAgentIsNobody) {
    NewAgent made = make_agent();
    ASSERT_TRUE(agents_.remove(admin(), made.agent.id));
    EXPECT_EQ(who(made.key.text.view()).error().errc, Errc::kInvalidApiKey);
    EXPECT_EQ(who("full-key", made.agent.id).error().errc, Errc::kInvalidApiKey);
}

TEST_F(AuthenticatorTest, AScopedKeyIsFoundByItsDigest) {
    NewKey key = new_api_key(kControlKeyPrefix, now_, now_ + 1000);
    ASSERT_TRUE(is_api_key(kControlKeyPrefix, key.text.view()));
    store::ControlKeyRow row;
    row.key_id = key.key_id;
    row.sha256 = key.sha256;
    row.scopes = Scopes::all().bits();
    row.workspace_id = "w1";
    row.expires_at = key.expires_at;
    ASSERT_TRUE(store::control_keys::create(*database_, row));
    Result<Authenticated> got = who(key.text.view());
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->caller.actor, "key:" + key.key_id);
    EXPECT_EQ(got->caller.workspace_id, "w1");
    EXPECT_EQ(got->scopes, kWorkspaceScopes) << "a bound key never has the installation's scopes";

    NewAgent own = make_agent();
    AgentRequest other{"b", "w2", {"token:read"}, {}, {}, {}, 0};
    NewAgent foreign = std::move(*agents_.create(admin(), other));
    EXPECT_TRUE(who(key.text.view(), own.agent.id)->is_agent());
    EXPECT_EQ(who(key.text.view(), foreign.agent.id).error().errc, Errc::kInvalidApiKey);

    std::string changed{key.text.view()};
    changed.back() = changed.back() == 'A' ? 'B' : 'A';
    EXPECT_EQ(who(changed).error().errc, Errc::kInvalidApiKey);
    now_ += 1000;
    EXPECT_EQ(who(key.text.view()).error().errc, Errc::kInvalidApiKey) << "expired";
}

TEST_F(AuthenticatorTest, ASuspendedWorkspaceHasNoCallers) {
    NewAgent made = make_agent();
    const auto suspend = [&](bool suspended) {
        ASSERT_TRUE(database_->transact([&](store::Transaction &sql) {
            return store::workspaces::set_suspended(sql, "w1", suspended, now_);
        }));
    };
    suspend(true);
    EXPECT_EQ(who(made.key.text.view()).error().errc, Errc::kInvalidApiKey);
    EXPECT_EQ(who("full-key", made.agent.id).error().errc, Errc::kInvalidApiKey);
    Result<record::CallerRecord> record = builder_.caller(made.key.sha256);
    EXPECT_EQ(record->state, record::CallerState::kRevoked);
    EXPECT_GT(record->generation, static_cast<uint64_t>(made.agent.generation)) << "so that edges take it";
    EXPECT_EQ(store::outbox::depth(*database_), 1);
    AgentRequest more{"b", "w1", {"token:use"}, {}, {}, {}, 0};
    EXPECT_EQ(agents_.create(admin(), more).error().errc, Errc::kAccessDenied);
    suspend(false);
    EXPECT_TRUE(who(made.key.text.view()));
}

}  // namespace
}  // namespace nexus::control
