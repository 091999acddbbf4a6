// Applying migrations. The lock is taken inside the transaction and the history read after it, so that of
// several nexusd starting at once one applies and the others find it done.
#include "control_plane/store/migrations.h"

#include <algorithm>
#include <utility>

#include "control_plane/log/log.h"
#include "shared/crypto/digest.h"

namespace nexus::control::store {

namespace {

constexpr std::string_view kHistoryTable =
    "CREATE TABLE IF NOT EXISTS schema_migrations ("
    "number BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)";

/// Whoever starts nexusd reads why a migration failed, so it says more than callers of the API learn.
Error explained(const Session &session, Error error) {
    if (error.errc != Errc::kStoreUnavailable || session.last_code().empty()) {
        return error;
    }
    constexpr std::pair<std::string_view, std::string_view> kReasons[] = {
        {"42501", "the database's role may not create or change tables in schema public"},
        {"3F000", "there is no schema to create tables in"},
        {"25006", "the database is read-only"},
        {"53100", "the database's disk is full"},
    };
    const std::string &code = session.last_code();
    const auto *known = std::ranges::find(kReasons, std::string_view{code},
                                          &std::pair<std::string_view, std::string_view>::first);
    if (session.last_failure() == Failure::kStatement) {  // it is there, and says no
        error.message = known != std::end(kReasons) ? known->second : "the database refused a migration";
    }
    error.detail = (code.size() == 5 ? "SQLSTATE " : "") + code;
    return error;
}

/// How many of `migrations`, from the first, the history holds.
Result<size_t> count_applied(Session &session, std::span<const Migration> migrations) {
    Result<Rows> history =
        session.execute("SELECT number, checksum FROM schema_migrations ORDER BY number", {});
    if (!history) {
        return fail(history.error());
    }
    size_t applied = 0;
    for (const Row &row : history->rows) {
        RowReader in(row);
        const int64_t number = in.integer();
        const std::string sum = in.text();
        if (Result<void> read = in.finish(); !read) {
            return fail(read.error());
        }
        if (applied >= migrations.size() || migrations[applied].number != number) {
            return fail(Errc::kInternal,
                        "the database has migration " + std::to_string(number) +
                            ", which this program does not know: it is older than the database");
        }
        if (checksum(migrations[applied]) != sum) {
            return fail(Errc::kInternal,
                        "migration " + std::to_string(number) + " was changed after it was applied");
        }
        ++applied;
    }
    return applied;
}

Result<bool> apply_in_transaction(Session &session, std::span<const Migration> migrations, UnixMs now) {
    if (Result<void> locked = session.lock_for_migration(); !locked) {
        return fail(locked.error());
    }
    if (Result<void> made = session.run_script(kHistoryTable); !made) {
        return fail(made.error());
    }
    const Result<size_t> applied = count_applied(session, migrations);
    if (!applied) {
        return fail(applied.error());
    }
    if (*applied == migrations.size()) {
        return false;
    }

    const Migration &next = migrations[*applied];
    if (Result<void> done = session.run_script(next.sql); !done) {
        return fail(done.error());
    }
    const Value row[] = {next.number, std::string(next.name), checksum(next), now};
    Result<Rows> noted = session.execute(
        "INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES ($1, $2, $3, $4)", row);
    if (!noted) {
        return fail(noted.error());
    }
    log::info("migration_applied", {{"number", next.number}, {"name", next.name}});
    return true;
}

}  // namespace

std::string checksum(const Migration &migration) {
    return crypto::sha256_hex(migration.sql);
}

Result<bool> apply_next(Session &session, std::span<const Migration> migrations, UnixMs now) {
    if (Result<void> begun = session.begin(); !begun) {
        return fail(begun.error());
    }
    Result<bool> applied = apply_in_transaction(session, migrations, now);
    if (!applied) {
        const Error error = explained(session, applied.error());
        session.rollback();
        return fail(error);
    }
    if (Result<void> committed = session.commit(); !committed) {
        session.rollback();
        return fail(committed.error());
    }
    return applied;
}

Result<void> check_applied(Session &session, std::span<const Migration> migrations) {
    Result<size_t> applied = count_applied(session, migrations);
    if (!applied && session.last_failure() == Failure::kStatement) {
        applied = 0;  // there is no history at all
    }
    if (!applied) {
        return fail(applied.error());
    }
    if (*applied != migrations.size()) {
        return fail(Errc::kInternal, "the database lacks " + std::to_string(migrations.size() - *applied) +
                                         " migrations: run nexusd migrate");
    }
    return {};
}

}  // namespace nexus::control::store
