// Issuers: who says what their tokens are like, says who is taken for the agents that they name.
#include "control_plane/services/issuers/issuer_service.h"

#include <gmock/gmock.h>

#include "control_plane/services/agents/agent_service.h"
#include "control_plane/services/connections/record_builder.h"
#include "shared/caller/identity.h"
#include "tests/unit/control_plane/services/fixture.h"

namespace nexus::control {
namespace {

using ::testing::ElementsAre;

constexpr const char *kUrl = "https://idp.example";
// RFC 8037 appendix A.2
constexpr const char *kKeys =
    R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"k1"}]})";

class IssuerServiceTest : public ServiceTest {
protected:
    IssuerServiceTest()
        : builder_(*database_, vault_, clock()),
          discovery_([](const HttpRequest &) { return fail(Errc::kProviderUnavailable, "nobody is asked"); },
                     *database_, clock()),
          agents_(*database_, *drainer_, clock()),
          issuers_(*database_, discovery_, *drainer_, clock()) {
        records_ = [this](const store::OutboxEntry &entry) { return builder_.for_outbox(entry); };
    }
    static Caller bound(const std::string &workspace, Scopes scopes = kWorkspaceScopes) {
        Caller caller = admin();
        caller.workspace_id = workspace;
        caller.scopes = scopes;
        return caller;
    }
    Result<store::TrustedIssuer> trust(const Caller &caller, const std::string &workspace = "") {
        IssuerRequest request;
        request.issuer = kUrl;
        request.workspace_id = workspace;
        request.audiences = {"api://edge"};
        request.jwks = kKeys;
        return issuers_.create(caller, request);
    }
    store::Agent make_agent(const std::string &workspace, const std::string &grant) {
        return agents_.create(admin(), {"a", workspace, {grant}, {}, {}, {}, 0})->agent;
    }
    Result<store::AgentIdentity> name(const Caller &caller, const store::Agent &agent,
                                      const std::string &subject) {
        return agents_.add_identity(
            caller, agent.id,
            {.kind = "jwt", .issuer = kUrl, .subject = subject, .san = {}, .uid = std::nullopt});
    }

    RecordBuilder builder_;
    Discovery discovery_;
    AgentService agents_;
    IssuerService issuers_;
};

TEST_F(IssuerServiceTest, AChangeIsWorthTheGrantsOfAllWhomItsTokensName) {
    const store::Agent user = make_agent("w1", "token:use");
    const store::Agent reader = make_agent("w1", "token:read");
    const store::TrustedIssuer issuer = *trust(admin(), "w1");
    ASSERT_TRUE(name(admin(), user, "user"));
    const Caller clerk = bound("w1", Scope::kAgentsWrite);
    const auto errc_of = [&](const Caller &caller, auto change) {
        IssuerUpdate update;
        change(update);
        const Result<store::TrustedIssuer> changed = issuers_.update(caller, issuer.id, update);
        return changed ? std::nullopt : std::optional{changed.error().errc};
    };
    const auto keys = [](IssuerUpdate &update) { update.jwks = kKeys; };
    EXPECT_EQ(errc_of(clerk, keys), std::nullopt) << "token:use is free";

    const store::AgentIdentity identity = *name(admin(), reader, "reader");
    const Errc refused = Errc::kInsufficientGrant;
    EXPECT_EQ(errc_of(clerk, keys), refused);
    EXPECT_EQ(errc_of(clerk, [](IssuerUpdate &update) { update.jwks_uri = "https://evil.example/keys"; }),
              refused);
    EXPECT_EQ(errc_of(clerk, [](IssuerUpdate &update) { update.audiences = {{"api://mine"}}; }), refused);
    EXPECT_EQ(errc_of(clerk, [](IssuerUpdate &update) { update.algorithms = {{"ES512"}}; }), refused);
    EXPECT_EQ(errc_of(clerk, [](IssuerUpdate &update) { update.max_age_s = 0; }), refused);
    EXPECT_EQ(issuers_.get(admin(), issuer.id)->inline_jwks, issuer.inline_jwks);
    EXPECT_EQ(errc_of(bound("w1", Scopes{Scope::kAgentsWrite} | Scope::kTokensRead), keys), std::nullopt);

    // Who is no longer known by its tokens does not count.
    ASSERT_TRUE(agents_.remove_identity(admin(), reader.id, identity.id));
    EXPECT_EQ(errc_of(clerk, keys), std::nullopt);
    ASSERT_TRUE(name(admin(), reader, "reader"));
    ASSERT_TRUE(agents_.remove(admin(), reader.id));
    EXPECT_EQ(errc_of(clerk, keys), std::nullopt);
}

// A name is worth as much as the trust under which it was given.
TEST_F(IssuerServiceTest, NobodyPlantsANameForALaterTrust) {
    const store::Agent evil = make_agent("evil", "token:use");
    const store::Agent honest = make_agent("w1", "token:use");
    const std::string hash = caller::jwt_sha256(kUrl, "payroll");
    const store::TrustedIssuer own = *trust(bound("evil"));
    ASSERT_TRUE(name(bound("evil"), evil, "payroll"));
    EXPECT_EQ(builder_.caller(hash)->state, record::CallerState::kActive);
    const uint64_t before = builder_.caller(hash)->generation;
    ASSERT_TRUE(issuers_.remove(bound("evil"), own.id));
    EXPECT_EQ(builder_.caller(hash)->state, record::CallerState::kRevoked);
    EXPECT_GT(builder_.caller(hash)->generation, before);

    const store::TrustedIssuer shared = *trust(admin());
    EXPECT_EQ(name(bound("evil"), evil, "payroll").error().errc, Errc::kInsufficientGrant);
    ASSERT_TRUE(name(admin(), honest, "payroll"));
    EXPECT_EQ(builder_.caller(hash)->agent_id, honest.id);
    EXPECT_EQ(builder_.caller(hash)->state, record::CallerState::kActive);

    // Nor does what is everybody's become one workspace's.
    ASSERT_TRUE(issuers_.remove(admin(), shared.id));
    ASSERT_TRUE(trust(bound("evil")));
    EXPECT_EQ(builder_.caller(hash)->state, record::CallerState::kRevoked);
    EXPECT_TRUE(agents_.get(admin(), honest.id)->identities.empty());
}

// An edge that knew the issuer first would take its tokens for those whom they named before.
TEST_F(IssuerServiceTest, EdgesHearOfEndedNamesBeforeTheyHearOfANewTrust) {
    const store::Agent evil = make_agent("evil", "token:use");
    const store::TrustedIssuer own = *trust(bound("evil"));
    ASSERT_TRUE(name(bound("evil"), evil, "payroll"));
    std::vector<redis::EventKind> written;
    records_ = [&](const store::OutboxEntry &entry) {
        written.push_back(entry.kind);
        return builder_.for_outbox(entry);
    };
    ASSERT_TRUE(issuers_.remove(bound("evil"), own.id));
    EXPECT_THAT(written, ElementsAre(redis::EventKind::kIssuer)) << "at once";
    ASSERT_TRUE(trust(admin()));
    EXPECT_EQ(written.size(), 1u);
    drainer_->start();
    drainer_->stop();
    EXPECT_THAT(written,
                ElementsAre(redis::EventKind::kIssuer, redis::EventKind::kCaller, redis::EventKind::kIssuer));
}

// Rows of a time when identities outlived their issuer.
TEST_F(IssuerServiceTest, WhatIsLeftOfAnEarlierTimeEndsWhenAnIssuerIsTrusted) {
    const store::Agent evil = make_agent("evil", "token:use");
    store::AgentIdentity left;
    left.id = "aaaaaaaaaaaaaaaa";
    left.agent_id = evil.id;
    left.issuer = kUrl;
    left.subject = "payroll";
    left.sha256 = caller::jwt_sha256(kUrl, "payroll");
    ASSERT_TRUE(database_->transact(
        [&](store::Transaction &sql) { return store::agent_identities::add(sql, left, now_); }));
    ASSERT_EQ(builder_.caller(left.sha256)->state, record::CallerState::kActive);
    ASSERT_TRUE(trust(admin()));
    EXPECT_EQ(builder_.caller(left.sha256)->state, record::CallerState::kRevoked);
}

}  // namespace
}  // namespace nexus::control
