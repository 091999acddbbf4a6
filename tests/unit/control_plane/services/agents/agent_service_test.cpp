// Agents: keys are shown once, kept as digests, revoked everywhere.
#include "control_plane/services/agents/agent_service.h"

#include "control_plane/services/connections/record_builder.h"
#include "shared/crypto/digest.h"
#include "tests/unit/control_plane/services/fixture.h"

namespace nexus::control {
namespace {

class AgentServiceTest : public ServiceTest {
protected:
    AgentServiceTest() : builder_(*database_, vault_, clock()), agents_(*database_, *drainer_, clock()) {
        records_ = [this](const store::OutboxEntry &entry) { return builder_.for_outbox(entry); };
    }
    AgentRequest request() { return {"a", "w1", {"token:use"}, {}, {}, {}, 0}; }
    RecordBuilder builder_;
    AgentService agents_;
};

TEST_F(AgentServiceTest, AKeyIsWellFormedAndKeptAsDigest) {
    Result<NewAgent> made = agents_.create(admin(), request());
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_TRUE(record::is_agent_key(made->key.text.view()));
    Result<AgentDetails> details = agents_.get(admin(), made->agent.id);
    ASSERT_EQ(details->keys.size(), 1u);
    EXPECT_EQ(details->keys[0].sha256, crypto::sha256_hex(made->key.text.view()));
    EXPECT_EQ(cache_.callers.back(), record::CallerState::kActive);
}

TEST_F(AgentServiceTest, RevokingWritesTombstonesOfAHigherGeneration) {
    NewAgent made = std::move(*agents_.create(admin(), request()));
    NewKey second = std::move(*agents_.add_key(admin(), made.agent.id, 0));
    uint64_t before = builder_.caller(crypto::sha256_hex(second.text.view()))->generation;
    ASSERT_TRUE(agents_.remove_key(admin(), made.agent.id, made.key.key_id));
    Result<record::CallerRecord> dead = builder_.caller(crypto::sha256_hex(made.key.text.view()));
    EXPECT_EQ(dead->state, record::CallerState::kRevoked);
    EXPECT_GT(dead->generation, before);
    EXPECT_EQ(builder_.caller(crypto::sha256_hex(second.text.view()))->state, record::CallerState::kActive);
    cache_.callers.clear();
    ASSERT_TRUE(agents_.remove(admin(), made.agent.id));
    EXPECT_EQ(cache_.callers, (std::vector{record::CallerState::kRevoked, record::CallerState::kRevoked}));
    EXPECT_TRUE(agents_.remove(admin(), made.agent.id)) << "again is no error";
}

// Records of one identity only ever grow, whoever has it.
TEST_F(AgentServiceTest, AnIdentityMovesToAnotherAgentAboveItsOldGeneration) {
    const NewAgent first = std::move(*agents_.create(admin(), request()));
    const IdentityRequest peer{.kind = "peer", .issuer = {}, .subject = {}, .san = {}, .uid = 1000};
    const std::string hash = caller::peer_sha256(1000);
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(agents_.update(admin(), first.agent.id, {"b", {}, {}, {}, {}}));
    }
    const Result<store::AgentIdentity> identity = agents_.add_identity(admin(), first.agent.id, peer);
    ASSERT_TRUE(identity) << identity.error().message;
    EXPECT_EQ(builder_.caller(hash)->agent_id, first.agent.id);
    const NewAgent second = std::move(*agents_.create(admin(), request()));
    EXPECT_EQ(agents_.add_identity(admin(), second.agent.id, peer).error().errc, Errc::kConflict);

    ASSERT_TRUE(agents_.remove_identity(admin(), first.agent.id, identity->id));
    const record::CallerRecord dead = *builder_.caller(hash);
    EXPECT_EQ(dead.state, record::CallerState::kRevoked);
    EXPECT_EQ(agents_.remove_identity(admin(), first.agent.id, identity->id).error().errc,
              Errc::kAgentNotFound);
    ASSERT_TRUE(agents_.add_identity(admin(), second.agent.id, peer));
    const record::CallerRecord moved = *builder_.caller(hash);
    EXPECT_EQ(moved.agent_id, second.agent.id);
    EXPECT_EQ(moved.state, record::CallerState::kActive);
    EXPECT_GT(moved.generation, dead.generation);

    // A revoked agent's identities are free, its keys are not identities, nor are identities keys.
    ASSERT_TRUE(agents_.remove(admin(), second.agent.id));
    EXPECT_TRUE(agents_.add_identity(admin(), first.agent.id, peer));
    EXPECT_EQ(agents_.get(admin(), first.agent.id)->keys.size(), 1u);
    EXPECT_EQ(agents_.get(admin(), first.agent.id)->identities.size(), 1u);
    EXPECT_FALSE(agents_.remove_identity(admin(), first.agent.id, first.key.key_id));
    EXPECT_FALSE(agents_.remove_key(admin(), first.agent.id, identity->id));
}

TEST_F(AgentServiceTest, IdentitiesOfAnAgentAreBounded) {
    const NewAgent made = std::move(*agents_.create(admin(), request()));
    IdentityRequest peer{.kind = "peer", .issuer = {}, .subject = {}, .san = {}, .uid = 0};
    for (int64_t uid = 0; uid < store::agent_identities::kMaxOfAgent; ++uid) {
        peer.uid = uid;
        ASSERT_TRUE(agents_.add_identity(admin(), made.agent.id, peer));
    }
    peer.uid = 1000;
    EXPECT_EQ(agents_.add_identity(admin(), made.agent.id, peer).error().errc, Errc::kConflict);
}

TEST_F(AgentServiceTest, ACacheThatIsAwayDoesNotHinder) {
    cache_.away = true;
    Result<NewAgent> made = agents_.create(admin(), request());
    ASSERT_TRUE(made);
    EXPECT_TRUE(agents_.remove(admin(), made->agent.id));
}

TEST_F(AgentServiceTest, RefusesByMember) {
    auto errc_of = [&](auto change) {
        AgentRequest wish = request();
        change(wish);
        Result<NewAgent> got = agents_.create(admin(), wish);
        return got ? Errc::kInternal : got.error().errc;
    };
    EXPECT_EQ(errc_of([](AgentRequest &wish) { wish.grants = {}; }), Errc::kInvalidRequest);
    EXPECT_EQ(errc_of([](AgentRequest &wish) { wish.grants = {"root"}; }), Errc::kInvalidRequest);
    EXPECT_EQ(errc_of([](AgentRequest &wish) { wish.name = "a\nb"; }), Errc::kInvalidRequest);
    EXPECT_EQ(errc_of([](AgentRequest &wish) { wish.connections = {"x"}; }), Errc::kInvalidRequest);
    EXPECT_EQ(errc_of([](AgentRequest &wish) { wish.providers = {"A B"}; }), Errc::kInvalidRequest);
    EXPECT_EQ(errc_of([this](AgentRequest &wish) { wish.key_expires_at = now_; }), Errc::kInvalidRequest);
    EXPECT_EQ(agents_.get(admin(), "x").error().errc, Errc::kAgentNotFound);
    EXPECT_EQ(agents_.remove(admin(), "00000000-0000-4000-8000-000000000000").error().errc,
              Errc::kAgentNotFound);
}

TEST_F(AgentServiceTest, HoldsNoMoreThanEdgesCanBeTold) {
    AgentRequest wish = request();
    const auto providers_of = [](size_t count) {
        std::vector<std::string> names;
        for (size_t i = 0; i < count; ++i) {
            names.push_back(std::string(200, 'p') + std::to_string(i));
        }
        return names;
    };
    wish.providers = providers_of(200);
    const Result<NewAgent> refused = agents_.create(admin(), wish);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().errc, Errc::kInvalidRequest);
    EXPECT_NE(refused.error().message.find("of at most"), std::string::npos) << refused.error().message;

    const crypto::Keyring keys = std::move(*crypto::Keyring::from_base64(
        {"CACHE_KEY", Secret{std::string_view{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}}));
    wish.providers = providers_of(100);
    const NewAgent made = std::move(*agents_.create(admin(), wish));
    EXPECT_TRUE(record::seal_caller(keys, *builder_.caller(made.key.sha256)));
    AgentUpdate update;
    update.providers = providers_of(200);
    EXPECT_EQ(agents_.update(admin(), made.agent.id, update).error().errc, Errc::kInvalidRequest);
}

TEST_F(AgentServiceTest, ARevokedOnesRecordSaysNothingElse) {
    AgentRequest wish = request();
    wish.providers = {"github"};
    const NewAgent made = std::move(*agents_.create(admin(), wish));
    ASSERT_TRUE(agents_.remove(admin(), made.agent.id));
    const record::CallerRecord record = *builder_.caller(made.key.sha256);
    EXPECT_EQ(record.state, record::CallerState::kRevoked);
    EXPECT_EQ(record.grants, 0u);
    EXPECT_TRUE(record.providers.empty());
    EXPECT_EQ(record.agent_id, made.agent.id);
}

TEST_F(AgentServiceTest, UpdateKeepsWhatItDoesNotName) {
    AgentRequest wish = request();
    wish.providers = {"github"};
    NewAgent made = std::move(*agents_.create(admin(), wish));
    cache_.callers.clear();
    AgentUpdate update;
    update.grants = {{"token:use", "token:read"}};
    Result<store::Agent> changed = agents_.update(admin(), made.agent.id, update);
    ASSERT_TRUE(changed) << changed.error().message;
    EXPECT_EQ(changed->name, "a");
    EXPECT_EQ(changed->providers, std::vector<std::string>{"github"});
    EXPECT_EQ(changed->grants, 3u);
    EXPECT_EQ(builder_.caller(made.key.sha256)->grants, 3u);
    EXPECT_EQ(cache_.callers.size(), 1u) << "edges learn it at once";
    update = {};
    update.providers.emplace();
    EXPECT_EQ(agents_.update(admin(), made.agent.id, update)->providers, std::vector<std::string>{});
    update.grants = {{"root"}};
    EXPECT_EQ(agents_.update(admin(), made.agent.id, update).error().errc, Errc::kInvalidRequest);
    ASSERT_TRUE(agents_.remove(admin(), made.agent.id));
    EXPECT_EQ(agents_.update(admin(), made.agent.id, {}).error().errc, Errc::kConflict) << "revoked";
}

TEST_F(AgentServiceTest, ARotatedKeyLivesOnForItsOverlap) {
    NewAgent made = std::move(*agents_.create(admin(), request()));
    Result<RotatedKey> rotated = agents_.rotate_key(admin(), made.agent.id, made.key.key_id, 60'000, 0);
    ASSERT_TRUE(rotated) << rotated.error().message;
    EXPECT_EQ(rotated->old_expires_at, now_ + 60'000);
    EXPECT_EQ(rotated->key.expires_at, 0);
    EXPECT_EQ(agents_.rotate_key(admin(), made.agent.id, made.key.key_id, 60'000, 0)->key.expires_at, 0)
        << "once more: the answer was lost";
    Result<record::CallerRecord> old = builder_.caller(made.key.sha256);
    EXPECT_EQ(old->state, record::CallerState::kActive);
    EXPECT_EQ(old->expires_at, now_ + 60'000) << "edges know the end from the start";
    now_ += 60'000;
    EXPECT_EQ(builder_.caller(made.key.sha256)->state, record::CallerState::kRevoked);
    EXPECT_EQ(builder_.caller(rotated->key.sha256)->state, record::CallerState::kActive);
    EXPECT_EQ(agents_.rotate_key(admin(), made.agent.id, made.key.key_id, 1, 0).error().errc,
              Errc::kAgentNotFound)
        << "what has ended is not rotated";
    EXPECT_EQ(agents_.rotate_key(admin(), made.agent.id, "aaaaaaaaaaaaaaaa", 1, 0).error().errc,
              Errc::kAgentNotFound);
}

TEST_F(AgentServiceTest, AnOverlapNeverLengthensALife) {
    AgentRequest wish = request();
    wish.key_expires_at = now_ + 1000;
    NewAgent made = std::move(*agents_.create(admin(), wish));
    now_ += 500;
    Result<RotatedKey> rotated = agents_.rotate_key(admin(), made.agent.id, made.key.key_id, 60'000, 0);
    EXPECT_EQ(rotated->old_expires_at, now_ + 500);
    EXPECT_EQ(rotated->key.expires_at, now_ + 1000) << "the same lifetime again";
}

TEST_F(AgentServiceTest, StaysInTheCallersWorkspace) {
    NewAgent made = std::move(*agents_.create(admin(), request()));
    Caller bound = admin();
    bound.workspace_id = "w2";
    const Errc gone = Errc::kAgentNotFound;
    EXPECT_EQ(agents_.get(bound, made.agent.id).error().errc, gone);
    EXPECT_EQ(agents_.update(bound, made.agent.id, {}).error().errc, gone);
    EXPECT_EQ(agents_.add_key(bound, made.agent.id, 0).error().errc, gone);
    EXPECT_EQ(agents_.rotate_key(bound, made.agent.id, made.key.key_id, 0, 0).error().errc, gone);
    EXPECT_EQ(agents_.remove_key(bound, made.agent.id, made.key.key_id).error().errc, gone);
    EXPECT_EQ(agents_.remove(bound, made.agent.id).error().errc, gone);
    EXPECT_EQ(agents_.create(bound, request()).error().errc, Errc::kInsufficientGrant);
    EXPECT_EQ(agents_.list(bound, "w1", 50, "").error().errc, Errc::kInsufficientGrant);
    EXPECT_TRUE(agents_.list(bound, "", 50, "")->items.empty());
    EXPECT_EQ(agents_.list(admin(), "", 50, "")->items.size(), 1u);
    AgentRequest wish = request();
    wish.workspace_id = "";
    EXPECT_EQ(agents_.create(bound, wish)->agent.workspace_id, "w2");
    EXPECT_EQ(agents_.create(admin(), wish).error().errc, Errc::kMissingFields);
}

TEST_F(AgentServiceTest, NobodyGivesWhatHeDoesNotHave) {
    AgentRequest wish = request();
    wish.grants = {"token:read"};
    NewAgent made = std::move(*agents_.create(admin(), wish));
    Caller clerk = admin();
    clerk.scopes = Scopes{Scope::kAgentsWrite} | Scope::kTokensRefresh;
    const Errc refused = Errc::kInsufficientGrant;
    EXPECT_EQ(agents_.create(clerk, wish).error().errc, refused);
    EXPECT_EQ(agents_.add_key(clerk, made.agent.id, 0).error().errc, refused);
    EXPECT_EQ(agents_.rotate_key(clerk, made.agent.id, made.key.key_id, 0, 0).error().errc, refused);
    NewAgent helper = std::move(*agents_.create(clerk, request()));
    AgentUpdate more;
    more.grants = {{"token:use", "connection:refresh"}};
    EXPECT_TRUE(agents_.update(clerk, helper.agent.id, more));
    more.grants = {{"admin"}};
    EXPECT_EQ(agents_.update(clerk, helper.agent.id, more).error().errc, refused);
    EXPECT_EQ(agents_.get(admin(), helper.agent.id)->agent.grants, 1u | 8u);
}

// More connections for an agent that reads credentials are more credentials.
TEST_F(AgentServiceTest, NobodyWidensWhatHeCouldNotGive) {
    const std::string first = "11111111-1111-4111-8111-111111111111";
    const std::string second = "22222222-2222-4222-8222-222222222222";
    AgentRequest wish = request();
    wish.grants = {"token:read"};
    wish.connections = {first, second};
    wish.providers = {"github"};
    const NewAgent reader = std::move(*agents_.create(admin(), wish));
    Caller clerk = admin();
    clerk.scopes = Scope::kAgentsWrite;
    const auto errc_of = [&](const Caller &caller, const std::string &id, auto change) {
        AgentUpdate update;
        change(update);
        const Result<store::Agent> changed = agents_.update(caller, id, update);
        return changed ? std::nullopt : std::optional{changed.error().errc};
    };
    using Ids = std::vector<std::string>;
    const Errc refused = Errc::kInsufficientGrant;
    const auto all_connections = [](AgentUpdate &update) { update.connections.emplace(); };
    const auto all_providers = [](AgentUpdate &update) { update.providers.emplace(); };
    EXPECT_EQ(errc_of(clerk, reader.agent.id, all_connections), refused);
    EXPECT_EQ(errc_of(clerk, reader.agent.id, all_providers), refused);
    EXPECT_EQ(errc_of(clerk, reader.agent.id,
                      [](AgentUpdate &update) {
                          update.providers = Ids{"github", "slack"};
                      }),
              refused);
    EXPECT_EQ(errc_of(clerk, reader.agent.id,
                      [](AgentUpdate &update) {
                          update.connections = Ids{"33333333-3333-4333-8333-333333333333"};
                      }),
              refused);
    EXPECT_EQ(agents_.get(admin(), reader.agent.id)->agent.connections, (Ids{first, second}));

    // Less is always his to say, and more where the agent shows no credential any more.
    EXPECT_EQ(errc_of(clerk, reader.agent.id, [&](AgentUpdate &update) { update.connections = Ids{second}; }),
              std::nullopt);
    EXPECT_EQ(errc_of(clerk, reader.agent.id,
                      [](AgentUpdate &update) {
                          update.connections.emplace();
                          update.grants = Ids{"token:use"};
                      }),
              std::nullopt);
    EXPECT_EQ(errc_of(clerk, reader.agent.id, [&](AgentUpdate &update) { update.connections = Ids{first}; }),
              std::nullopt)
        << "from all to one";
    const NewAgent again = std::move(*agents_.create(admin(), wish));
    clerk.scopes = Scopes{Scope::kAgentsWrite} | Scope::kTokensRead;
    EXPECT_EQ(errc_of(clerk, again.agent.id, all_connections), std::nullopt);
}

}  // namespace
}  // namespace nexus::control
