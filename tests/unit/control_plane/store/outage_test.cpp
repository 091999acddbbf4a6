// PostgreSQL away, stopped, and back: always kStoreUnavailable, never "not found", and well again by itself.
#include <chrono>

#include "control_plane/store/connection_repository.h"
#include "tests/unit/control_plane/store/fixture.h"

namespace nexus::control::store {
namespace {

using SteadyClock = std::chrono::steady_clock;
using namespace std::chrono_literals;

class OutageTest : public testing::Test {
protected:
    OutageTest() : database_(open()) { EXPECT_TRUE(database_->migrate()); }

    std::unique_ptr<Database> open() const {
        DatabaseTarget target;
        target.kind = DatabaseKind::kPostgres;
        target.url = Secret(own_.url());
        DatabaseOptions options;
        options.statement_timeout = 300ms;
        options.connect_timeout = 2000ms;
        return std::move(*Database::open(target, options));
    }

    test::PostgresServer own_;
    std::unique_ptr<Database> database_;
};

TEST_F(OutageTest, ADeadServerIsUnavailableAndItsReturnIsNoticed) {
    ASSERT_TRUE(database_->ping());
    own_.stop(SIGQUIT);  // at once, backends included; after a SIGKILL one of them may still answer
    const Result<Connection> got = connections::get(*database_, "none");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().errc, Errc::kStoreUnavailable);
    own_.start();
    EXPECT_EQ(connections::get(*database_, "none").error().errc,
              Errc::kConnectionNotFound);  // at the first try
}

TEST_F(OutageTest, AStoppedServerCostsNoMoreThanTheDeadline) {
    ASSERT_TRUE(database_->ping());
    own_.signal(SIGSTOP);  // the postmaster only: new connections hang, the idle one still answers
    EXPECT_TRUE(database_->ping());
    const Result<void> busy = database_->transact([&](Transaction &) -> Result<void> {
        const auto started = SteadyClock::now();
        const Result<void> second = database_->ping();  // needs a new connection
        EXPECT_FALSE(second);
        EXPECT_LT(SteadyClock::now() - started, 6s);
        return {};
    });
    EXPECT_TRUE(busy);
    own_.signal(SIGCONT);
    EXPECT_TRUE(database_->ping());
}

TEST_F(OutageTest, ASlowStatementIsCutOff) {
    const auto started = SteadyClock::now();
    const Result<Rows> slow = database_->execute("SELECT 1 FROM pg_sleep(10)");
    ASSERT_FALSE(slow);
    EXPECT_EQ(slow.error().errc, Errc::kStoreUnavailable);
    EXPECT_LT(SteadyClock::now() - started, 3s);
    EXPECT_TRUE(database_->ping());
}

TEST_F(OutageTest, AServerThatTakesNoWritesIsUnavailableUntilItDoes) {
    ASSERT_TRUE(database_->execute("ALTER ROLE test SET default_transaction_read_only = on"));
    const std::unique_ptr<Database> late = open();
    EXPECT_FALSE(late->ping());
    ASSERT_TRUE(database_->execute("ALTER ROLE test RESET default_transaction_read_only"));
    EXPECT_TRUE(late->ping());
}

TEST_F(OutageTest, ASessionThatMayOnlyReadIsNoPing) {
    ASSERT_TRUE(database_->ping());
    ASSERT_TRUE(database_->execute("SET default_transaction_read_only = on"));
    EXPECT_FALSE(database_->ping());
    EXPECT_TRUE(database_->ping()) << "of a new session";
}

TEST_F(OutageTest, AnUnreachableServerIsUnavailable) {
    DatabaseTarget target;
    target.kind = DatabaseKind::kPostgres;
    target.url = Secret(std::string_view("postgresql://u:hunter2@/x?host=/nonexistent"));
    const std::unique_ptr<Database> nowhere = std::move(*Database::open(target));
    const Result<void> pinged = nowhere->ping();
    ASSERT_FALSE(pinged);
    EXPECT_EQ(pinged.error().errc, Errc::kStoreUnavailable);
    EXPECT_THAT(pinged.error().message, testing::Not(testing::HasSubstr("hunter2")));
}

}  // namespace
}  // namespace nexus::control::store
