// The gate: which key enters which kind of route, from where.
#include "control_plane/api/gate.h"

#include <gtest/gtest.h>

#include "control_plane/services/agents/agent_service.h"
#include "control_plane/store/agent_repository.h"
#include "control_plane/store/control_key_repository.h"
#include "shared/crypto/digest.h"
#include "tests/unit/control_plane/support/temp_dir.h"

namespace nexus::control {
namespace {

const std::string kAgentKey = "nxa_abcdefghijklmnop_" + std::string(43, 'A');
constexpr const char *kAgentId = "6f1c2a34-0000-4000-8000-000000000001";

class GateTest : public testing::Test {
protected:
    GateTest() {
        DatabaseTarget target;
        target.path = dir_.path() + "/nexus.db";
        database_ = std::move(*store::Database::open(target));
        EXPECT_TRUE(database_->migrate());
        store::Agent agent;
        agent.id = kAgentId;
        agent.workspace_id = "w1";
        agent.name = "a";
        agent.grants = 1;
        EXPECT_TRUE(store::agents::create(*database_, agent));
        store::AgentKey key;
        key.key_id = "abcdefghijklmnop";
        key.agent_id = kAgentId;
        key.sha256 = crypto::sha256_hex(kAgentKey);
        EXPECT_TRUE(database_->transact(
            [&](store::Transaction &sql) { return store::agents::add_key(sql, key, 1); }));
        keys_ = {{crypto::sha256("full-key"), KeyScope::kFull},
                 {crypto::sha256("edge-key"), KeyScope::kEdge}};
        authenticator_ = std::make_unique<Authenticator>(*database_, keys_, [] { return UnixMs{10}; });
        for (Network network :
             {Network::kControl, Network::kTokens, Network::kEdge, Network::kAdmin, Network::kMetrics}) {
            networks_.set(network, *net::parse_cidr_list("10.0.0.0/8,::1/128"));
        }
    }

    /// "ok", or the error's code
    std::string admit(Access access, std::vector<std::pair<std::string, std::string>> headers,
                      const std::string &ip = "10.1.2.3") {
        const Result<Caller> caller = gate().admit(request(std::move(headers), ip), access);
        return caller ? "ok" : std::string{errc_info(caller.error().errc).code};
    }
    /// What a gateway route's caller is told.
    std::string gateway_answer(std::vector<std::pair<std::string, std::string>> headers,
                               const std::string &ip = "10.1.2.3") {
        const Gate own = gate();
        const Handler handler =
            own.guard(kGateway, [](const Request &, const Caller &) { return Result<Response>(Response{}); });
        const Result<Response> response = handler(request(std::move(headers), ip));
        return response ? "ok" : std::string{errc_info(response.error().errc).code};
    }

    static Request request(std::vector<std::pair<std::string, std::string>> headers, const std::string &ip) {
        Request request;
        request.headers = std::move(headers);
        request.client_ip = ip;
        return request;
    }
    Gate gate() const { return {*authenticator_, networks_}; }

    test::TempDir dir_;
    std::unique_ptr<store::Database> database_;
    std::vector<ControlKey> keys_;
    NetworkRules networks_;
    std::unique_ptr<Authenticator> authenticator_;
};

TEST_F(GateTest, PublicNeedsNoKey) {
    EXPECT_EQ(admit(kPublic, {}), "ok");
    EXPECT_EQ(admit(kPublic, {{"x-api-key", "nonsense"}}, "203.0.113.9"), "ok");
}

TEST_F(GateTest, EachKeyHasItsRoutes) {
    struct Row {
        const char *key;
        const char *control;
        const char *edge;
        const char *gateway;
    };
    std::string refused = "insufficient_grant";
    for (const Row &row : {Row{"full-key", "ok", "ok", "ok"},
                           Row{"edge-key", "insufficient_grant", "ok", "insufficient_grant"},
                           Row{kAgentKey.c_str(), "insufficient_grant", "insufficient_grant", "ok"},
                           Row{"nonsense", "invalid_api_key", "invalid_api_key", "invalid_api_key"},
                           Row{"", "missing_api_key", "missing_api_key", "missing_api_key"}}) {
        EXPECT_EQ(admit(control(Scope::kAgentsWrite), {{"x-api-key", row.key}}), row.control) << row.key;
        EXPECT_EQ(admit(kEdge, {{"x-api-key", row.key}}), row.edge) << row.key;
        EXPECT_EQ(admit(kGateway, {{"x-api-key", row.key}}), row.gateway) << row.key;
        EXPECT_EQ(admit(kGateway, {{"authorization", std::string{"bEaReR "} + row.key}}), row.gateway)
            << row.key;
    }
}

TEST_F(GateTest, AnEdgeSpeaksForAnAgentOnGatewayRoutesOnly) {
    EXPECT_EQ(admit(kGateway, {{"x-api-key", "edge-key"}, {"x-nexus-agent", kAgentId}}), "ok");
    EXPECT_EQ(admit(kGateway, {{"x-api-key", kAgentKey}, {"x-nexus-agent", kAgentId}}), "invalid_api_key");
    EXPECT_EQ(admit(control(Scope::kAgentsWrite), {{"x-api-key", "edge-key"}, {"x-nexus-agent", kAgentId}}),
              "insufficient_grant");
    EXPECT_EQ(admit(kGateway, {{"x-api-key", "edge-key"}, {"x-nexus-agent", "x"}}), "invalid_api_key");
}

TEST_F(GateTest, ACallerIsNotBlamedForItsEdge) {
    const std::pair<std::string, std::string> agent{"x-nexus-agent", kAgentId};
    EXPECT_EQ(gateway_answer({{"x-api-key", "edge-key"}, agent}), "ok");
    for (const char *key : {"an-older-edge-key", ""}) {
        EXPECT_EQ(gateway_answer({{"x-api-key", key}, agent}), "control_plane_unavailable") << key;
        EXPECT_NE(gateway_answer({{"x-api-key", key}}), "control_plane_unavailable") << key;
    }
    EXPECT_EQ(gateway_answer({{"x-api-key", "edge-key"}, agent}, "203.0.113.9"), "control_plane_unavailable");
    EXPECT_EQ(gateway_answer({{"x-api-key", "edge-key"}, {"x-nexus-agent", "gone"}}), "invalid_api_key")
        << "it is the agent that is not known";
    EXPECT_EQ(gateway_answer({{"x-api-key", kAgentKey}, agent}), "invalid_api_key") << "no edge at all";
}

TEST_F(GateTest, AScopedKeyEntersWithItsScopesOnly) {
    const NewKey key = new_api_key(kControlKeyPrefix, 1, 0);
    store::ControlKeyRow row;
    row.key_id = key.key_id;
    row.sha256 = key.sha256;
    row.scopes = (Scopes{Scope::kAgentsRead} | Scope::kTokensRead).bits();
    ASSERT_TRUE(store::control_keys::create(*database_, row));
    const std::string text{key.text.view()};
    EXPECT_EQ(admit(control(Scope::kAgentsRead), {{"x-api-key", text}}), "ok");
    EXPECT_EQ(admit(control(Scope::kAgentsWrite), {{"x-api-key", text}}), "insufficient_grant");
    EXPECT_EQ(admit(kEdge, {{"x-api-key", text}}), "insufficient_grant");
    EXPECT_EQ(admit(kGateway, {{"x-api-key", text}}), "insufficient_grant") << "for itself: every scope";
    EXPECT_EQ(admit(kGateway, {{"x-api-key", text}, {"x-nexus-agent", kAgentId}}), "insufficient_grant")
        << "speaking for an agent needs the scope edge";
    EXPECT_EQ(admit(control(Scope::kAgentsRead), {{"x-api-key", text}}, "203.0.113.9"), "access_denied");
}

TEST_F(GateTest, SeveralCredentialsAreRefused) {
    EXPECT_EQ(admit(control(Scope::kAgentsWrite),
                    {{"x-api-key", "full-key"}, {"authorization", "Bearer full-key"}}),
              "invalid_api_key");
    EXPECT_EQ(admit(control(Scope::kAgentsWrite), {{"x-api-key", "full-key"}, {"x-api-key", "full-key"}}),
              "invalid_api_key");
    EXPECT_EQ(admit(kGateway,
                    {{"x-api-key", "edge-key"}, {"x-nexus-agent", kAgentId}, {"x-nexus-agent", kAgentId}}),
              "invalid_api_key");
    EXPECT_EQ(admit(control(Scope::kAgentsWrite), {{"authorization", "Basic full-key"}}), "missing_api_key");
}

TEST_F(GateTest, ControlPlaneKeysComeFromAllowedNetworks) {
    for (Access access : {control(Scope::kAgentsWrite), kEdge, kGateway}) {
        EXPECT_EQ(admit(access, {{"x-api-key", "full-key"}}, "203.0.113.9"), "access_denied");
        EXPECT_EQ(admit(access, {{"x-api-key", "full-key"}}, "nonsense"), "access_denied");
        EXPECT_EQ(admit(access, {{"x-api-key", "full-key"}}, ""), "access_denied");
        EXPECT_EQ(admit(access, {{"x-api-key", "full-key"}}, "::1"), "ok");
    }
    EXPECT_EQ(admit(kGateway, {{"x-api-key", kAgentKey}}, "203.0.113.9"), "ok")
        << "agents come from anywhere";
}

TEST_F(GateTest, EachGroupHasItsNetworks) {
    networks_.set(Network::kTokens, *net::parse_cidr_list("10.0.0.1/32"));
    networks_.set(Network::kEdge, *net::parse_cidr_list("10.0.0.2/32"));
    networks_.set(Network::kAdmin, *net::parse_cidr_list("10.0.0.3/32"));
    networks_.set(Network::kMetrics, *net::parse_cidr_list("10.0.0.4/32"));
    const std::vector<std::pair<std::string, std::string>> key{{"x-api-key", "full-key"}};
    const std::vector<std::pair<std::string, std::string>> behalf{{"x-api-key", "full-key"},
                                                                  {"x-nexus-agent", kAgentId}};
    struct Row {
        Access access;
        const std::vector<std::pair<std::string, std::string>> *headers;
        const char *ip;
    };
    for (const Row &row :
         {Row{control(Scope::kTokensRefresh), &key, "10.0.0.1"},
          Row{control(Scope::kTokensRead), &key, "10.0.0.1"}, Row{kGateway, &key, "10.0.0.1"},
          Row{kGateway, &behalf, "10.0.0.2"}, Row{kEdge, &key, "10.0.0.2"},
          Row{control(Scope::kAgentsRead), &key, "10.0.0.3"},
          Row{control(Scope::kKeysAdmin), &key, "10.0.0.3"}, Row{kMetrics, &key, "10.0.0.4"}}) {
        EXPECT_EQ(admit(row.access, *row.headers, row.ip), "ok") << row.ip;
        EXPECT_EQ(admit(row.access, *row.headers, "10.1.2.3"), "access_denied") << row.ip;
    }
    EXPECT_EQ(admit(control(Scope::kConnectionsRead), key, "10.1.2.3"), "ok");
    EXPECT_EQ(admit(kPublic, {}, "192.0.2.1"), "ok");
    networks_.turn_off();
    EXPECT_EQ(admit(kEdge, key, "192.0.2.1"), "ok");
}

}  // namespace
}  // namespace nexus::control
