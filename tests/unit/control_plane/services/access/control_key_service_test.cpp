// Scoped control-plane keys: nobody gives more than he has, nobody reaches into another workspace.
#include "control_plane/services/access/control_key_service.h"

#include "control_plane/services/access/authenticator.h"
#include "control_plane/services/workspace_service.h"
#include "tests/unit/control_plane/services/fixture.h"

namespace nexus::control {
namespace {

class ControlKeyServiceTest : public ServiceTest {
protected:
    ControlKeyServiceTest() : keys_(*database_, clock()), workspaces_(*database_, *drainer_, clock()) {
        records_ = [](const store::OutboxEntry &) { return std::optional<CacheRecord>{}; };
    }
    ControlKeyRequest request(std::vector<std::string> scopes, std::string workspace = {}) {
        return {"ci", std::move(scopes), std::move(workspace), 0};
    }
    Result<Caller> caller_of(const NewKey &key) {
        return Authenticator(*database_, {}, clock())
            .authenticate({key.text.view(), "", "127.0.0.1", ""})
            .map([](const Authenticated &who) { return who.caller; });
    }
    Errc errc_of(const Caller &caller, const ControlKeyRequest &wish) {
        Result<NewControlKey> got = keys_.create(caller, wish);
        return got ? Errc::kInternal : got.error().errc;
    }
    ControlKeyService keys_;
    WorkspaceService workspaces_;
};

TEST_F(ControlKeyServiceTest, AKeyHasWhatItWasGiven) {
    Result<NewControlKey> made = keys_.create(admin(), request({"agents:read", "keys:admin"}, "w1"));
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_TRUE(is_api_key(kControlKeyPrefix, made->key.text.view()));
    Result<Caller> caller = caller_of(made->key);
    ASSERT_TRUE(caller);
    EXPECT_EQ(caller->scopes, Scopes{Scope::kAgentsRead} | Scope::kKeysAdmin);
    EXPECT_EQ(caller->workspace_id, "w1");
    EXPECT_EQ(caller->actor, "key:" + made->key.key_id);
    ASSERT_TRUE(keys_.revoke(admin(), made->key.key_id));
    EXPECT_EQ(caller_of(made->key).error().errc, Errc::kInvalidApiKey);
    EXPECT_TRUE(keys_.revoke(admin(), made->key.key_id)) << "again is no error";
}

TEST_F(ControlKeyServiceTest, NobodyGivesMoreThanHeHas) {
    NewControlKey clerk = std::move(*keys_.create(admin(), request({"agents:read", "keys:admin"})));
    NewControlKey strong = std::move(*keys_.create(admin(), request({"tokens:read"})));
    NewControlKey bound = std::move(*keys_.create(admin(), request({"agents:read", "keys:admin"}, "w1")));
    const Caller by_clerk = *caller_of(clerk.key);
    const Caller by_bound = *caller_of(bound.key);
    EXPECT_TRUE(keys_.create(by_clerk, request({"agents:read"})));
    EXPECT_EQ(errc_of(by_clerk, request({"agents:write"})), Errc::kInsufficientGrant);
    EXPECT_EQ(keys_.rotate(by_clerk, strong.key.key_id, 0, 0).error().errc, Errc::kInsufficientGrant)
        << "a rotation would show the secret";
    EXPECT_EQ(errc_of(by_bound, request({"agents:read"}, "w2")), Errc::kInsufficientGrant);
    EXPECT_EQ(keys_.create(by_bound, request({"agents:read"}))->row.workspace_id, "w1");
    Caller agent;
    agent.kind = Caller::Kind::kAgent;
    agent.agent.grants = 31;
    EXPECT_EQ(errc_of(agent, request({"agents:read"})), Errc::kInsufficientGrant);
}

TEST_F(ControlKeyServiceTest, ABoundKeySeesItsWorkspaceOnly) {
    NewControlKey bound = std::move(*keys_.create(admin(), request({"keys:admin"}, "w1")));
    NewControlKey other = std::move(*keys_.create(admin(), request({"keys:admin"}, "w2")));
    NewControlKey global = std::move(*keys_.create(admin(), request({"keys:admin"})));
    const Caller caller = *caller_of(bound.key);
    for (const NewControlKey *foreign : {&other, &global}) {
        EXPECT_EQ(keys_.get(caller, foreign->key.key_id).error().errc, Errc::kNotFound);
        EXPECT_EQ(keys_.revoke(caller, foreign->key.key_id).error().errc, Errc::kNotFound);
        EXPECT_EQ(keys_.rotate(caller, foreign->key.key_id, 0, 0).error().errc, Errc::kNotFound);
    }
    EXPECT_EQ(keys_.list(caller, "w2", 50, "").error().errc, Errc::kInsufficientGrant);
    EXPECT_EQ(keys_.list(caller, "", 50, "")->items.size(), 1u);
    EXPECT_EQ(keys_.list(admin(), "", 50, "")->items.size(), 3u);
    EXPECT_EQ(keys_.list(admin(), "w2", 50, "")->items.size(), 1u);
    EXPECT_EQ(keys_.list(admin(), "", 2, "")->items.size(), 2u);
}

TEST_F(ControlKeyServiceTest, ARotatedKeyLivesOnForItsOverlap) {
    NewControlKey old = std::move(*keys_.create(admin(), request({"agents:read"}, "w1")));
    Result<RotatedControlKey> made = keys_.rotate(admin(), old.key.key_id, 60'000, 0);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->row.scopes, old.row.scopes);
    EXPECT_EQ(made->row.workspace_id, "w1");
    EXPECT_TRUE(caller_of(old.key));
    EXPECT_TRUE(caller_of(made->rotated.key));
    now_ += 60'000;
    EXPECT_EQ(caller_of(old.key).error().errc, Errc::kInvalidApiKey);
    EXPECT_TRUE(caller_of(made->rotated.key));
    EXPECT_EQ(keys_.rotate(admin(), old.key.key_id, 0, 0).error().errc, Errc::kNotFound) << "it has ended";
}

// Whose answer was lost asks again.
TEST_F(ControlKeyServiceTest, AKeyThatIsReplacedTwiceIsReplacedByOneThatLivesAsLong) {
    const NewControlKey endless = std::move(*keys_.create(admin(), request({"agents:read"}, "w1")));
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(keys_.rotate(admin(), endless.key.key_id, 60'000, 0)->rotated.key.expires_at, 0);
    }
    const RotatedControlKey day =
        std::move(*keys_.rotate(admin(), endless.key.key_id, 60'000, now_ + 86'400'000));
    now_ += 1'000;
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(keys_.rotate(admin(), day.row.key_id, 60'000, 0)->rotated.key.expires_at,
                  now_ + 86'400'000);
    }
}

TEST_F(ControlKeyServiceTest, RefusesByMember) {
    EXPECT_EQ(errc_of(admin(), request({})), Errc::kInvalidRequest);
    EXPECT_EQ(errc_of(admin(), request({"root"})), Errc::kInvalidRequest);
    EXPECT_EQ(errc_of(admin(), {"a\nb", {"edge"}, "", 0}), Errc::kInvalidRequest);
    EXPECT_EQ(errc_of(admin(), request({"edge"}, "w\n")), Errc::kInvalidRequest);
    for (const char *global : {"providers:write", "secrets:read", "vault:admin"}) {
        EXPECT_EQ(errc_of(admin(), request({global}, "w1")), Errc::kInvalidRequest) << global;
    }
    EXPECT_EQ(keys_.get(admin(), "x").error().errc, Errc::kNotFound);
    EXPECT_EQ(keys_.get(admin(), "aaaaaaaaaaaaaaaa").error().errc, Errc::kNotFound);
}

TEST_F(ControlKeyServiceTest, ASuspendedWorkspaceHasNoKeys) {
    NewControlKey bound = std::move(*keys_.create(admin(), request({"agents:read"}, "w1")));
    EXPECT_EQ(workspaces_.update(admin(), "nowhere", {{}, true}).error().errc, Errc::kNotFound);
    ASSERT_TRUE(workspaces_.update(admin(), "w1", {"Acme", true}));
    EXPECT_EQ(caller_of(bound.key).error().errc, Errc::kInvalidApiKey);
    EXPECT_EQ(errc_of(admin(), request({"agents:read"}, "w1")), Errc::kAccessDenied);
    EXPECT_EQ(workspaces_.get(admin(), "w1")->workspace.name, "Acme");
    EXPECT_EQ(workspaces_.get(admin(), "w1")->counts.keys, 1);
    ASSERT_TRUE(workspaces_.update(admin(), "w1", {{}, false}));
    const Caller caller = *caller_of(bound.key);
    EXPECT_EQ(workspaces_.update(caller, "w1", {{}, true}).error().errc, Errc::kInsufficientGrant)
        << "nobody locks himself out";
    EXPECT_TRUE(workspaces_.update(caller, "w1", {"Acme Ltd", {}}));
    EXPECT_EQ(workspaces_.update(caller, "w2", {"x", {}}).error().errc, Errc::kNotFound);
    EXPECT_EQ(workspaces_.create(caller, "w3", "").error().errc, Errc::kInsufficientGrant);
    ASSERT_TRUE(workspaces_.create(admin(), "w2", "Other"));
    EXPECT_EQ(workspaces_.create(admin(), "w2", "").error().errc, Errc::kConflict);
    EXPECT_EQ(workspaces_.list(caller, 50, "")->items.size(), 1u);
    store::WorkspacePage page = *workspaces_.list(admin(), 1, "");
    EXPECT_EQ(page.items[0].id, "w1");
    EXPECT_EQ(workspaces_.list(admin(), 1, page.next_cursor)->items[0].id, "w2");
}

}  // namespace
}  // namespace nexus::control
