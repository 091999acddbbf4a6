// Identities and the issuers that they hang on.
#include "control_plane/store/agent_identity_repository.h"
#include "control_plane/store/outbox_repository.h"
#include "control_plane/store/trusted_issuer_repository.h"
#include "shared/crypto/random.h"
#include "tests/unit/control_plane/store/fixture.h"

namespace nexus::control::store {
namespace {

using testing::IsEmpty;

constexpr const char *kUrl = "https://idp.example";

class IdentitiesTest : public StoreTest {
protected:
    Agent add_agent(const std::string &workspace, uint32_t grants = 1) {
        Agent agent;
        agent.id = crypto::random_uuid();
        agent.workspace_id = workspace;
        agent.name = "robot";
        agent.grants = grants;
        EXPECT_TRUE(agents::create(*database_, agent));
        return agent;
    }
    /// returns the digest
    std::string name(const Agent &agent, const std::string &issuer, const std::string &subject) {
        AgentIdentity identity;
        identity.id = "id-" + std::to_string(++names_);
        identity.agent_id = agent.id;
        identity.issuer = issuer;
        identity.subject = subject;
        identity.sha256 = caller::jwt_sha256(issuer, subject);
        EXPECT_TRUE(database_->transact(
            [&](Transaction &sql) { return agent_identities::add(sql, identity, 1000); }));
        return identity.sha256;
    }
    TrustedIssuer trust() {
        TrustedIssuer issuer;
        issuer.id = crypto::random_uuid();
        issuer.issuer = kUrl;
        issuer.sha256 = caller::issuer_sha256(kUrl);
        issuer.audiences = {"x"};
        issuer.algorithms = {"ES256"};
        return *database_->transact([&](Transaction &sql) { return trusted_issuers::create(sql, issuer); });
    }
    bool is_active(const std::string &sha256) {
        return agents::find_by_key(*database_, sha256)->is_active(3000);
    }
    int64_t generation(const Agent &agent) { return agents::get(*database_, agent.id)->generation; }

    int names_ = 0;
};
NEXUS_ON_BOTH_DATABASES(IdentitiesTest);

TEST_P(IdentitiesTest, AllOfAnIssuerEndAtOnceAndEdgesAreTold) {
    const Agent one = add_agent("w1");
    const Agent two = add_agent("w2");
    const Agent gone = add_agent("w2");
    const Agent other = add_agent("w2");
    const std::vector ended = {name(one, kUrl, "a"), name(one, kUrl, "b"), name(two, kUrl, "c")};
    const std::string dead = name(gone, kUrl, "d");
    const std::string elsewhere = name(one, "https://idp.example/other", "a");
    const std::string untouched = name(other, "https://else.example", "a");
    ASSERT_TRUE(database_->transact([&](Transaction &sql) { return agents::revoke(sql, gone.id, 1500); }));
    const int64_t before_one = generation(one);
    const int64_t before_other = generation(other);

    const Result<std::vector<EndedIdentities>> counts = database_->transact(
        [&](Transaction &sql) { return agent_identities::end_of_issuer(sql, kUrl, 2000); });
    ASSERT_TRUE(counts) << counts.error().message;
    ASSERT_EQ(counts->size(), 2u);
    EXPECT_EQ((*counts)[0].workspace_id, "w1");
    EXPECT_EQ((*counts)[0].count, 2);
    EXPECT_EQ((*counts)[1].count, 1) << "a revoked agent's are over already";

    EXPECT_EQ(generation(one), before_one + 1);
    EXPECT_EQ(generation(other), before_other);
    for (const std::string &hash : ended) {
        EXPECT_FALSE(is_active(hash));
    }
    EXPECT_TRUE(is_active(elsewhere));
    EXPECT_TRUE(is_active(untouched));
    EXPECT_EQ(agent_identities::list(*database_, one.id)->size(), 1u);
    const std::vector<OutboxEntry> due = *outbox::due(*database_, 2000, 100);
    for (const std::string &hash : ended) {
        EXPECT_TRUE(std::any_of(due.begin(), due.end(), [&](const OutboxEntry &entry) {
            return entry.kind == redis::EventKind::kCaller && entry.id == hash &&
                   entry.generation == agents::find_by_key(*database_, hash)->agent.generation;
        })) << hash;
    }

    EXPECT_THAT(*database_->transact(
                    [&](Transaction &sql) { return agent_identities::end_of_issuer(sql, kUrl, 2100); }),
                IsEmpty())
        << "again";
    EXPECT_EQ(generation(one), before_one + 1);
    EXPECT_EQ(name(other, kUrl, "a"), ended[0]) << "free for others";
    EXPECT_EQ(agents::find_by_key(*database_, ended[0])->agent.id, other.id);
    EXPECT_FALSE(is_active(dead));
}

TEST_P(IdentitiesTest, GrantsOfAllWhoAreKnownByAnIssuer) {
    const Agent user = add_agent("w1", 1);
    const Agent reader = add_agent("w2", 2);
    const auto grants = [&] { return *agent_identities::grants_by_issuer(*database_, kUrl); };
    name(reader, "https://else.example", "a");
    EXPECT_EQ(grants(), 0u);
    name(user, kUrl, "a");
    name(reader, kUrl, "b");
    EXPECT_EQ(grants(), 3u);
    ASSERT_TRUE(database_->transact([&](Transaction &sql) { return agents::revoke(sql, reader.id, 1500); }));
    EXPECT_EQ(grants(), 1u);
}

// Between the check of an issuer and the row that hangs on it.
TEST_P(IdentitiesTest, AnIssuerThatIsHeldIsNotRemoved) {
    const TrustedIssuer issuer = trust();
    DatabaseOptions impatient;
    impatient.statement_timeout = std::chrono::milliseconds(100);
    const std::unique_ptr<Database> another = open(impatient);
    const auto remove = [&] {
        return another->transact(
            [&](Transaction &sql) { return trusted_issuers::remove(sql, issuer.id, 2000); });
    };
    const Result<void> held = database_->transact([&](Transaction &sql) -> Result<void> {
        const Result<TrustedIssuer> found = trusted_issuers::hold(sql, issuer.sha256);
        EXPECT_TRUE(found);
        EXPECT_EQ(found->generation, issuer.generation) << "nothing has changed";
        EXPECT_EQ(remove().error().errc, Errc::kStoreUnavailable);
        return {};
    });
    EXPECT_TRUE(held);
    EXPECT_TRUE(remove());
    EXPECT_NE(database_->transact([&](Transaction &sql) { return trusted_issuers::hold(sql, issuer.sha256); })
                  ->removed_at,
              0);
}

}  // namespace
}  // namespace nexus::control::store
