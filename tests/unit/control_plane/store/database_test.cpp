#include <sys/stat.h>
#include <unistd.h>
#include <atomic>
#include <limits>
#include <thread>

#include "control_plane/metrics/metrics.h"
#include "tests/unit/control_plane/store/fixture.h"

namespace nexus::control::store {
namespace {

class DatabaseTest : public StoreTest {
protected:
    DatabaseTest() {
        EXPECT_TRUE(database_->execute("CREATE TABLE t (k TEXT PRIMARY KEY, n BIGINT, s TEXT, b BYTEA)"));
    }
    int64_t number(const std::string &key) {
        Result<Rows> rows = database_->execute("SELECT n FROM t WHERE k = $1", {text(key)});
        return rows && !rows->empty() ? std::get<int64_t>(rows->rows[0][0]) : -1;
    }
};
NEXUS_ON_BOTH_DATABASES(DatabaseTest);

TEST_P(DatabaseTest, EveryTypeComesBackAsItWas) {
    const std::string all_bytes = [] {
        std::string bytes;
        for (int i = 0; i < 256; ++i) {
            bytes.push_back(static_cast<char>(i));
        }
        return bytes;
    }();
    for (const int64_t n : {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min(),
                            std::numeric_limits<int64_t>::max()}) {
        const std::string key = std::to_string(n);
        ASSERT_TRUE(
            database_->execute("INSERT INTO t (k, n, s, b) VALUES ($1, $2, $3, $4)",
                               {key, n, std::string("'; DROP TABLE t; -- \xc3\xa9"), Bytes{all_bytes}}));
        Result<Rows> rows = database_->execute("SELECT n, s, b FROM t WHERE k = $1", {key});
        ASSERT_TRUE(rows);
        ASSERT_EQ(rows->rows.size(), 1u);
        EXPECT_EQ(rows->rows[0], (Row{n, std::string("'; DROP TABLE t; -- \xc3\xa9"), Bytes{all_bytes}}));
    }
    ASSERT_TRUE(database_->execute("INSERT INTO t (k, n, s, b) VALUES ($1, $2, $3, $4)",
                                   {text("null"), Value{}, Value{}, Value{}}));
    Result<Rows> rows =
        database_->execute("SELECT n, s, b FROM t WHERE k = $1 AND n IS NULL", {text("null")});
    ASSERT_TRUE(rows);
    EXPECT_EQ(rows->rows[0], (Row{Value{}, Value{}, Value{}}));
}

TEST_P(DatabaseTest, CountsChangedRows) {
    ASSERT_TRUE(database_->execute("INSERT INTO t (k, n) VALUES ('a', 1), ('b', 1)"));
    EXPECT_EQ(database_->execute("UPDATE t SET n = 2 WHERE n = $1", {int64_t{1}})->affected, 2);
    EXPECT_EQ(database_->execute("UPDATE t SET n = 3 WHERE n = $1 RETURNING k", {int64_t{7}})->affected, 0);
    EXPECT_EQ(database_->execute("DELETE FROM t WHERE k = $1", {text("a")})->affected, 1);
}

TEST_P(DatabaseTest, AUniqueViolationIsAConflict) {
    ASSERT_TRUE(database_->execute("INSERT INTO t (k) VALUES ('a')"));
    Result<Rows> again = database_->execute("INSERT INTO t (k) VALUES ('a')");
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().errc, Errc::kConflict);
}

TEST_P(DatabaseTest, BadSqlIsAnUnavailableStoreWithoutItsText) {
    Result<Rows> rows = database_->execute("SELECT canary FROM nowhere WHERE x = $1", {text("hunter2")});
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().errc, Errc::kStoreUnavailable);
    EXPECT_THAT(rows.error().message,
                testing::Not(testing::AnyOf(testing::HasSubstr("canary"), testing::HasSubstr("hunter2"))));
}

TEST_P(DatabaseTest, AnErrorRollsBack) {
    Result<void> done = database_->transact([](Transaction &sql) -> Result<void> {
        EXPECT_TRUE(sql.execute("INSERT INTO t (k, n) VALUES ('a', 1)"));
        return fail(Errc::kInvalidRequest, "no");
    });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().errc, Errc::kInvalidRequest);
    EXPECT_EQ(number("a"), -1);
}

TEST_P(DatabaseTest, AnExceptionRollsBack) {
    EXPECT_THROW(static_cast<void>(database_->transact([](Transaction &sql) -> Result<void> {
                     EXPECT_TRUE(sql.execute("INSERT INTO t (k, n) VALUES ('a', 1)"));
                     throw std::runtime_error("x");
                 })),
                 std::runtime_error);
    EXPECT_EQ(number("a"), -1);
    EXPECT_TRUE(database_->execute("INSERT INTO t (k, n) VALUES ('a', 1)"));
}

TEST_P(DatabaseTest, ATransactionReturnsItsValue) {
    Result<std::string> done = database_->transact([](Transaction &sql) -> Result<std::string> {
        if (Result<Rows> inserted = sql.execute("INSERT INTO t (k, n) VALUES ('a', 5)"); !inserted) {
            return fail(inserted.error());
        }
        return std::string("done");
    });
    ASSERT_TRUE(done);
    EXPECT_EQ(*done, "done");
    EXPECT_EQ(number("a"), 5);
}

TEST_P(DatabaseTest, RivalsLoseNoUpdate) {
    ASSERT_TRUE(database_->execute("INSERT INTO t (k, n) VALUES ('a', 0)"));
    constexpr int kThreads = 6, kRounds = 20;
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < kRounds; ++round) {
                Result<void> done = database_->transact([](Transaction &sql) -> Result<void> {
                    if (Result<Rows> row = sql.execute("UPDATE t SET n = n + 1 WHERE k = 'a'"); !row) {
                        return fail(row.error());
                    }
                    return {};
                });
                failures += done ? 0 : 1;
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(failures, 0);
    EXPECT_EQ(number("a"), kThreads * kRounds);
}

TEST_P(DatabaseTest, DeadlocksAreResolvedByTryingAgain) {
    ASSERT_TRUE(database_->execute("INSERT INTO t (k, n) VALUES ('a', 0), ('b', 0)"));
    const auto add_to = [&](const char *first, const char *second) {
        return database_->transact([&](Transaction &sql) -> Result<void> {
            for (const char *key : {first, second}) {
                Result<Rows> row = sql.execute("UPDATE t SET n = n + 1 WHERE k = $1", {text(key)});
                if (!row) {
                    return fail(row.error());
                }
            }
            return {};
        });
    };
    std::atomic<int> failures{0};
    std::thread rival([&] {
        for (int i = 0; i < 30; ++i) {
            failures += add_to("b", "a") ? 0 : 1;
        }
    });
    for (int i = 0; i < 30; ++i) {
        failures += add_to("a", "b") ? 0 : 1;
    }
    rival.join();
    EXPECT_EQ(failures, 0);
    EXPECT_EQ(number("a"), 60);
}

TEST_P(DatabaseTest, APoolIsBoundedAndWaitsNoLongerThanTold) {
    DatabaseOptions options;
    options.pool_size = 1;
    options.pool_wait = std::chrono::milliseconds(50);
    const std::unique_ptr<Database> small = open(options);
    Result<void> done = small->transact([&](Transaction &) -> Result<void> {
        Result<void> refused = small->ping();  // from another connection, which there is none
        EXPECT_FALSE(refused);
        EXPECT_EQ(refused.error().errc, Errc::kStoreUnavailable);
        return {};
    });
    EXPECT_TRUE(done);
    EXPECT_TRUE(small->ping());
}

TEST_P(DatabaseTest, StatementsAreCountedByOutcomeAndConnectionsByUse) {
    Metrics metrics;
    DatabaseOptions options;
    options.pool_size = 3;
    const std::unique_ptr<Database> counted = open(options, &metrics);
    ASSERT_TRUE(counted->execute("INSERT INTO t (k) VALUES ('a')"));
    ASSERT_FALSE(counted->execute("INSERT INTO t (k) VALUES ('a')"));
    ASSERT_FALSE(counted->execute("SELECT nothing FROM nowhere"));
    ASSERT_TRUE(counted->transact([&](Transaction &) -> Result<void> {
        EXPECT_THAT(metrics.render(), testing::HasSubstr("nexus_store_pool_in_use 1\n"));
        return {};
    }));
    const std::string text = metrics.render();
    for (const char *line :
         {R"(nexus_store_query_duration_seconds_count{outcome="ok"} 2)",  // with the COMMIT
          R"(nexus_store_query_duration_seconds_count{outcome="conflict"} 1)",
          R"(nexus_store_query_duration_seconds_count{outcome="statement"} 1)",
          R"(nexus_store_errors_total{kind="statement"} 1)", "nexus_store_pool_size 3\n",
          "nexus_store_pool_in_use 0\n", "nexus_store_pool_waiting 0\n"}) {
        EXPECT_THAT(text, testing::HasSubstr(line));
    }
}

TEST_P(DatabaseTest, AStatementMayBeCalledWithOtherTypesThanBefore) {
    const char *insert = "INSERT INTO t (k, n, s) VALUES ($1, $2, $3)";
    ASSERT_TRUE(database_->execute(insert, {text("a"), Value{}, Value{}}));
    ASSERT_TRUE(database_->execute(insert, {text("b"), int64_t{1} << 40, text("x")}));
    ASSERT_TRUE(database_->execute(insert, {text("c"), Value{}, text("y")}));
    EXPECT_EQ(number("b"), int64_t{1} << 40);
}

TEST_P(DatabaseTest, AnyNumberOfDifferentStatementsRuns) {
    for (int i = 0; i < 300; ++i) {  // more than stay prepared
        Result<Rows> rows = database_->execute("SELECT CAST(" + std::to_string(i) + " AS BIGINT)");
        ASSERT_TRUE(rows) << i;
        EXPECT_EQ(rows->rows[0][0], Value{int64_t{i}});
    }
}

TEST_P(DatabaseTest, ForgottenStatementsAreNoFailure) {
    if (GetParam() != DatabaseKind::kPostgres) {
        GTEST_SKIP() << "only PostgreSQL has a server that could forget";
    }
    const auto insert = [&](const char *key) {
        return database_->execute("INSERT INTO t (k) VALUES ($1)", {text(key)});
    };
    ASSERT_TRUE(insert("a"));
    ASSERT_TRUE(database_->execute("DEALLOCATE ALL"));  // as a pooler does that swaps the server underneath
    EXPECT_TRUE(insert("b"));
    EXPECT_TRUE(insert("c"));
    EXPECT_TRUE(database_->transact([&](Transaction &sql) -> Result<void> {
        return sql.execute("INSERT INTO t (k) VALUES ($1)", {text("d")}).map([](const Rows &) {});
    }));
    EXPECT_EQ(database_->execute("SELECT k FROM t")->rows.size(), 4u);
}

TEST_P(DatabaseTest, TablesMayChangeUnderneath) {
    const char *query = "SELECT * FROM t WHERE k = $1";
    ASSERT_TRUE(database_->execute("INSERT INTO t (k, n) VALUES ('a', 1)"));
    ASSERT_EQ(database_->execute(query, {text("a")})->rows[0].size(), 4u);
    ASSERT_TRUE(database_->execute("ALTER TABLE t ADD COLUMN more BIGINT"));
    const Result<Rows> rows = database_->execute(query, {text("a")});
    ASSERT_TRUE(rows);
    EXPECT_EQ(rows->rows[0].size(), 5u);
}

TEST_P(DatabaseTest, ForeignKeysHold) {
    Result<void> made =
        connections::create(*database_, make_connection("00000000-0000-4000-8000-000000000000"));
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().errc, Errc::kConflict);
}

TEST_P(DatabaseTest, ASessionThatMayOnlyReadIsReplaced) {
    DatabaseOptions one_session;
    one_session.pool_size = 1;
    const std::unique_ptr<Database> database = open(one_session);
    const std::string_view only_read = GetParam() == DatabaseKind::kSqlite
                                           ? "PRAGMA query_only = ON"
                                           : "SET default_transaction_read_only = on";
    const auto add = [](Executor &sql) -> Result<void> {
        return sql.execute("INSERT INTO t (k) VALUES ('a')").map([](const Rows &) {});
    };

    ASSERT_TRUE(database->execute(only_read));
    EXPECT_EQ(add(*database).error().errc, Errc::kStoreUnavailable);
    EXPECT_TRUE(add(*database));

    ASSERT_TRUE(database->execute("DELETE FROM t"));
    ASSERT_TRUE(database->execute(only_read));
    EXPECT_EQ(database->transact(add).error().errc, Errc::kStoreUnavailable);
    EXPECT_TRUE(database->transact(add));
}

/// Root writes to every file, whatever its mode.
class AsNobody {
public:
    explicit AsNobody(const std::string &folder) {
        constexpr uid_t kNobody = 65534;
        if (was_ == 0) {
            EXPECT_EQ(::chown(folder.c_str(), kNobody, kNobody), 0);
            EXPECT_EQ(::seteuid(kNobody), 0);
        }
    }
    ~AsNobody() { EXPECT_EQ(::seteuid(was_), 0); }

private:
    const uid_t was_ = ::geteuid();
};

TEST(SqliteFile, ThatMayNotBeWrittenToIsUnavailableUntilItMay) {
    const test::TempDir dir;
    const AsNobody nobody(dir.path());
    DatabaseTarget target;
    target.path = dir.path() + "/n.db";
    const std::unique_ptr<Database> database = std::move(*Database::open(target));
    ASSERT_TRUE(database->migrate());
    ASSERT_TRUE(database->ping());

    ASSERT_EQ(::chmod(target.path.c_str(), 0444), 0);
    EXPECT_FALSE(database->ping());
    EXPECT_EQ(database->execute("SELECT 1").error().errc, Errc::kStoreUnavailable);

    ASSERT_EQ(::chmod(target.path.c_str(), 0600), 0);
    EXPECT_TRUE(database->ping());
    EXPECT_TRUE(database->execute("CREATE TABLE t (k TEXT)"));
}

TEST(SqliteFile, IsForItsOwnerOnly) {
    const test::TempDir dir;
    DatabaseTarget target;
    target.path = dir.path() + "/n.db";
    ASSERT_TRUE((*Database::open(target))->migrate());
    for (const char *suffix : {"", "-wal", "-shm"}) {
        struct stat info {};
        if (::stat((target.path + suffix).c_str(), &info) == 0) {
            EXPECT_EQ(info.st_mode & 0777, 0600u) << suffix;
        }
    }
    target.path = dir.path() + "/missing/n.db";
    EXPECT_FALSE(Database::open(target));
}

}  // namespace
}  // namespace nexus::control::store
