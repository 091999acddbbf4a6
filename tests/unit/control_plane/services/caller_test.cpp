// Who may see what, and whose key is whose.
#include "control_plane/services/authenticator.h"

#include "control_plane/services/agent_service.h"
#include "control_plane/services/record_builder.h"
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

class AuthenticatorTest : public ServiceTest {
protected:
    AuthenticatorTest() : builder_(*database_, vault_, clock()), agents_(*database_, *drainer_, clock()) {
        records_ = [this](const store::OutboxEntry &entry) { return builder_.for_outbox(entry); };
        keys_ = {{crypto::sha256("full-key"), KeyScope::kFull},
                 {crypto::sha256("edge-key"), KeyScope::kEdge}};
    }
    NewAgent make_agent(UnixMs expires_at = 0) {
        AgentRequest request{"a", "w1", {"token:read"}, {}, {}, expires_at};
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

}  // namespace
}  // namespace nexus::control
