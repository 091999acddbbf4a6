#include "control_plane/store/migrations.h"

#include <thread>

#include "control_plane/store/postgres.h"
#include "control_plane/store/sqlite.h"
#include "tests/unit/control_plane/store/fixture.h"

namespace nexus::control::store {
namespace {

using namespace std::chrono_literals;

class MigrationsTest : public StoreTest {
protected:
    std::unique_ptr<Session> session() {
        const DatabaseTarget where = target();
        return where.kind == DatabaseKind::kSqlite
                   ? std::move(*open_sqlite(where.path, 1000ms, std::make_shared<WriterLock>()))
                   : std::move(*open_postgres(where.url, 2000ms, 2000ms));
    }
};
NEXUS_ON_BOTH_DATABASES(MigrationsTest);

/// Today's migrations and one more.
std::vector<Migration> with_next(std::string_view name, std::string_view sql) {
    const std::span<const Migration> today = all_migrations();
    std::vector<Migration> all(today.begin(), today.end());
    all.push_back({today.back().number + 1, name, sql});
    return all;
}

TEST_P(MigrationsTest, AreAppliedOnce) {
    EXPECT_EQ(*database_->migrate(), 0);
    EXPECT_TRUE(database_->check_schema());
}

TEST_P(MigrationsTest, AChangedOneIsNoticed) {
    ASSERT_TRUE(database_->execute("UPDATE schema_migrations SET checksum = 'x' WHERE number = 1"));
    EXPECT_EQ(database_->migrate().error().errc, Errc::kInternal);
    EXPECT_EQ(database_->check_schema().error().errc, Errc::kInternal);
}

TEST_P(MigrationsTest, ANewerDatabaseIsRefused) {
    ASSERT_TRUE(database_->execute("INSERT INTO schema_migrations VALUES (999, 'future', 'x', 0)"));
    const Result<int> migrated = database_->migrate();
    ASSERT_FALSE(migrated);
    EXPECT_THAT(migrated.error().message, testing::HasSubstr("999"));
}

TEST_P(MigrationsTest, AFailingOneLeavesNothingBehind) {
    const std::vector<Migration> broken =
        with_next("broken", "CREATE TABLE half (n BIGINT); INSERT INTO nowhere VALUES (1);");
    const std::unique_ptr<Session> own = session();
    EXPECT_FALSE(apply_next(*own, broken, 0));
    EXPECT_FALSE(database_->execute("SELECT n FROM half"));
    EXPECT_TRUE(database_->check_schema());
}

TEST_P(MigrationsTest, AMissingOneIsNamedByCheck) {
    const std::vector<Migration> two = with_next("next", "CREATE TABLE two (n BIGINT);");
    const std::unique_ptr<Session> own = session();
    const Result<void> checked = check_applied(*own, two);
    ASSERT_FALSE(checked);
    EXPECT_THAT(checked.error().message, testing::HasSubstr("nexusd migrate"));
    EXPECT_TRUE(*apply_next(*own, two, 0));
    EXPECT_FALSE(*apply_next(*own, two, 0));
    EXPECT_TRUE(check_applied(*own, two));
}

TEST_P(MigrationsTest, SeveralProcessesAtOnceApplyEachOnce) {
    const std::vector<Migration> two = with_next("next", "CREATE TABLE two (n BIGINT);");
    std::atomic<int> applied{0}, failed{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            const std::unique_ptr<Session> own = session();
            const Result<bool> one = apply_next(*own, two, 0);
            applied += one && *one ? 1 : 0;
            failed += one ? 0 : 1;
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(applied, 1);
    EXPECT_EQ(failed, 0);
}

TEST_P(MigrationsTest, AnEmptyDatabaseIsNamedByCheck) {
    ASSERT_TRUE(database_->execute("DROP TABLE schema_migrations"));
    const Result<void> checked = database_->check_schema();
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().errc, Errc::kInternal);
}

}  // namespace
}  // namespace nexus::control::store
