#include "tests/unit/control_plane/store/fixture.h"

#include "control_plane/log/log.h"
#include "shared/crypto/random.h"

namespace nexus::control::store {

namespace {

std::unique_ptr<test::PostgresServer> server;

class StopPostgres : public testing::Environment {
public:
    void TearDown() override { server.reset(); }
};

}  // namespace

test::PostgresServer &postgres() {
    if (!server) {
        server = std::make_unique<test::PostgresServer>();
    }
    return *server;
}

std::string kind_name(const testing::TestParamInfo<DatabaseKind> &info) {
    return info.param == DatabaseKind::kSqlite ? "Sqlite" : "Postgres";
}

DatabaseTarget StoreTest::target() const {
    DatabaseTarget target;
    target.kind = GetParam();
    if (target.kind == DatabaseKind::kSqlite) {
        target.path = dir_.path() + "/nexus.db";
    } else {
        target.url = Secret(postgres().url(schema_));
    }
    return target;
}

std::unique_ptr<Database> StoreTest::open(DatabaseOptions options, Metrics *metrics) const {
    return std::move(*Database::open(target(), options, metrics));
}

StoreTest::StoreTest() {
    static int count = 0;
    schema_ = "t" + std::to_string(++count);
    database_ = open();
    if (GetParam() == DatabaseKind::kPostgres) {
        EXPECT_TRUE(database_->execute("CREATE SCHEMA " + schema_));
    }
    EXPECT_TRUE(database_->migrate());
}

Provider make_provider(const std::string &name) {
    Provider provider;
    provider.id = crypto::random_uuid();
    provider.name = name;
    provider.client_id = "client";
    provider.client_secret_box = std::string("\x01\x00\xff box", 7);
    provider.client_secret_version = 1;
    provider.scopes = {"openid", "mail read"};
    provider.allowed_hosts = {"api.example.com"};
    provider.enable_discovery = true;
    provider.params = R"({"a":"b"})";
    provider.created_at = 1000;
    provider.updated_at = 1000;
    return provider;
}

Connection make_connection(const std::string &provider_id) {
    Connection connection;
    connection.id = crypto::random_uuid();
    connection.workspace_id = "ws";
    connection.user_id = "user";
    connection.provider_id = provider_id;
    connection.scopes = {"openid"};
    connection.return_url = "https://app.example.com/done";
    connection.flow_id = "flow-1";
    connection.flow_expires_at = 601000;
    connection.code_verifier_box = std::string("\x00verifier", 9);
    connection.nonce = "nonce";
    connection.flow_scopes = {"openid"};
    connection.created_at = 1000;
    connection.updated_at = 1000;
    return connection;
}

Provider StoreTest::add_provider(const std::string &name) {
    const Provider provider = make_provider(name);
    EXPECT_TRUE(providers::create(*database_, provider));
    return provider;
}

Connection StoreTest::add_connection(const std::string &workspace, UnixMs created_at) {
    Connection connection = make_connection(add_provider("p-" + crypto::random_uuid()).id);
    connection.workspace_id = workspace;
    connection.created_at = created_at;
    EXPECT_TRUE(connections::create(*database_, connection));
    return connection;
}

}  // namespace nexus::control::store

int main(int argc, char **argv) {
    testing::InitGoogleTest(&argc, argv);
    testing::AddGlobalTestEnvironment(new nexus::control::store::StopPostgres);
    nexus::control::log::set_level("off");
    return RUN_ALL_TESTS();
}
