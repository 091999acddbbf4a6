// Agents: keys are shown once, kept as digests, revoked everywhere.
#include "control_plane/services/agent_service.h"

#include "control_plane/services/record_builder.h"
#include "shared/crypto/digest.h"
#include "tests/unit/control_plane/services/fixture.h"

namespace nexus::control {
namespace {

class AgentServiceTest : public ServiceTest {
protected:
    AgentServiceTest() : builder_(*database_, vault_, clock()), agents_(*database_, *drainer_, clock()) {
        records_ = [this](const store::OutboxEntry &entry) { return builder_.for_outbox(entry); };
    }
    AgentRequest request() { return {"a", "w1", {"token:use"}, {}, {}, 0}; }
    RecordBuilder builder_;
    AgentService agents_;
};

TEST_F(AgentServiceTest, AKeyIsWellFormedAndKeptAsDigest) {
    Result<NewAgent> made = agents_.create(admin(), request());
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_TRUE(record::is_agent_key(made->key.text.view()));
    Result<AgentDetails> details = agents_.get(made->agent.id);
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
    EXPECT_EQ(agents_.get("x").error().errc, Errc::kAgentNotFound);
    EXPECT_EQ(agents_.remove(admin(), "00000000-0000-4000-8000-000000000000").error().errc,
              Errc::kAgentNotFound);
}

}  // namespace
}  // namespace nexus::control
