#include "control_plane/store/vault_rows.h"

#include "tests/unit/control_plane/store/fixture.h"

namespace nexus::control::store {
namespace {

/// Bytes that look like a box of the key whose id is eight times `key`.
std::string box_of(char key) {
    return std::string(1, '\x01') + std::string(8, key) + std::string(60, 'b');
}
const std::string kA = "6161616161616161";
const std::string kB = "6262626262626262";
const std::string kC = "6363636363636363";

class VaultRowsTest : public StoreTest {
protected:
    std::string add_token(char key) {
        const Connection connection = add_connection();
        put(connection.id, 1, key);
        return connection.id;
    }
    void put(const std::string &id, int64_t version, char key) {
        EXPECT_TRUE(database_->transact([&](Transaction &sql) {
            return tokens::put(sql, {id, box_of(key), version, 1});
        }));
    }
};
NEXUS_ON_BOTH_DATABASES(VaultRowsTest);

TEST_P(VaultRowsTest, EveryWriteNamesItsKey) {
    add_token('a');
    add_token('a');
    add_token('b');
    Provider provider = make_provider("sealed");
    provider.client_secret_box = box_of('c');
    ASSERT_TRUE(providers::create(*database_, provider));
    EXPECT_EQ(providers::get(*database_, provider.id)->client_secret_key_id, kC);
    Connection connection = make_connection(provider.id);
    connection.code_verifier_box = box_of('b');
    ASSERT_TRUE(connections::create(*database_, connection));
    ASSERT_TRUE(*vault_rows::add_installation_secret(*database_, {"x", box_of('c'), 1, 1}));
    EXPECT_FALSE(*vault_rows::add_installation_secret(*database_, {"x", box_of('a'), 1, 1}));

    auto uses = *vault_rows::count(*database_, 1000);
    EXPECT_EQ(uses[kA].credentials, 2);
    EXPECT_EQ(uses[kB].credentials, 1);
    EXPECT_EQ(uses[kB].code_verifiers, 1);
    EXPECT_EQ(uses[kC].client_secrets, 1);
    EXPECT_EQ(uses[kC].installation, 1);
    EXPECT_EQ((*vault_rows::count(*database_, 700000))[kB].code_verifiers, 0)
        << "flows that are over do not count";

    Flow flow;
    flow.flow_id = "f2";
    flow.flow_expires_at = 601000;
    flow.code_verifier_box = box_of('a');
    ASSERT_TRUE(connections::start_flow(*database_, connection.id, flow, 1));
    EXPECT_EQ(connections::get(*database_, connection.id)->code_verifier_key_id, kA);
}

TEST_P(VaultRowsTest, PagesCoverBothSidesOfTheCurrentKey) {
    std::set<std::string> expected;
    for (char key : {'a', 'a', 'b', 'c', 'c'}) {
        const std::string id = add_token(key);
        if (key != 'b') {
            expected.insert(id);
        }
    }
    std::set<std::string> found;
    std::optional<vault_rows::TokenPosition> after;
    for (int page = 0; page < 10; ++page) {
        const auto rows = *vault_rows::foreign_tokens(*database_, kB, after, 1);
        if (rows.empty()) {
            break;
        }
        EXPECT_EQ(rows[0].connection.workspace_id, "ws");
        EXPECT_TRUE(found.insert(rows[0].connection.id).second);
        after = vault_rows::TokenPosition{rows[0].key_id, rows[0].connection.id};
    }
    EXPECT_EQ(found, expected);
    EXPECT_EQ(vault_rows::foreign_tokens(*database_, kB, {}, 1000)->size(), 4u);
}

TEST_P(VaultRowsTest, ARefreshThatComesBetweenWins) {
    const std::string id = add_token('a');
    BoundToken found = vault_rows::foreign_tokens(*database_, kB, {}, 10)->front();
    put(id, 2, 'a');
    Token resealed = found.token;
    resealed.box = box_of('b');
    EXPECT_FALSE(*vault_rows::replace_token(*database_, found, resealed));
    EXPECT_EQ(tokens::get(*database_, id)->box, box_of('a'));

    found = vault_rows::foreign_tokens(*database_, kB, {}, 10)->front();
    EXPECT_TRUE(*vault_rows::replace_token(*database_, found, resealed));
    EXPECT_FALSE(*vault_rows::replace_token(*database_, found, resealed)) << "once";
    EXPECT_EQ(tokens::get(*database_, id)->version, 2) << "so that a refresh under way still finds its place";
    put(id, 3, 'a');
}

TEST_P(VaultRowsTest, AProfileBeingChangedDoesNotPutTheOldBoxBack) {
    Provider provider = make_provider("sealed");
    provider.client_secret_box = box_of('a');
    ASSERT_TRUE(providers::create(*database_, provider));
    const Provider found = vault_rows::foreign_client_secrets(*database_, kB)->front();
    EXPECT_TRUE(*vault_rows::replace_client_secret(*database_, found, box_of('b')));
    EXPECT_FALSE(*vault_rows::replace_client_secret(*database_, found, box_of('b')));
    EXPECT_EQ(providers::replace(*database_, provider, provider.revision).error().errc, Errc::kConflict);
    EXPECT_TRUE(vault_rows::foreign_client_secrets(*database_, kB)->empty());
}

TEST_P(VaultRowsTest, AVerifierIsReplacedInItsOwnFlowOnly) {
    Connection connection = make_connection(add_provider("p").id);
    connection.code_verifier_box = box_of('a');
    ASSERT_TRUE(connections::create(*database_, connection));
    EXPECT_TRUE(vault_rows::foreign_code_verifiers(*database_, kB, 700000)->empty()) << "it is over";
    const Connection found = vault_rows::foreign_code_verifiers(*database_, kB, 1000)->front();
    Connection other = found;
    other.flow_id = "another";
    EXPECT_FALSE(*vault_rows::replace_code_verifier(*database_, other, box_of('b')));
    EXPECT_TRUE(*vault_rows::replace_code_verifier(*database_, found, box_of('b')));
    EXPECT_TRUE(vault_rows::foreign_code_verifiers(*database_, kB, 1000)->empty());
}

}  // namespace
}  // namespace nexus::control::store
