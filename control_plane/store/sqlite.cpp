// SQLite 3: WAL, foreign keys, secure_delete, full synchronisation (a rotated refresh token must survive a
// power cut).
#include "control_plane/store/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>
#include <unordered_map>

#include "control_plane/log/log.h"

namespace nexus::control::store {

namespace {

constexpr size_t kMaxCachedStatements = 128;
constexpr std::string_view kReadOnly = "read_only";

struct CloseDatabase {
    void operator()(sqlite3 *database) const noexcept { sqlite3_close_v2(database); }
};
struct Finalize {
    void operator()(sqlite3_stmt *statement) const noexcept { sqlite3_finalize(statement); }
};
using StatementPtr = std::unique_ptr<sqlite3_stmt, Finalize>;

struct Reset {
    void operator()(sqlite3_stmt *statement) const noexcept {
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
    }
};

Failure classify(int code) noexcept {
    switch (code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return Failure::kRetry;
        case SQLITE_CONSTRAINT:
            return code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
                           code == SQLITE_CONSTRAINT_FOREIGNKEY || code == SQLITE_CONSTRAINT_ROWID
                       ? Failure::kConflict
                       : Failure::kStatement;
        case SQLITE_IOERR:
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_CANTOPEN:
        case SQLITE_READONLY:  // of the handle, for ever: another may write again
            return Failure::kLost;
        default:
            return Failure::kStatement;
    }
}

bool may_write(sqlite3 *database) noexcept {
    return sqlite3_db_readonly(database, nullptr) == 0 &&
           ::faccessat(AT_FDCWD, sqlite3_db_filename(database, nullptr), W_OK, AT_EACCESS) == 0;
}

int bind(sqlite3_stmt *statement, int index, const Value &value) noexcept {
    if (const auto *number = std::get_if<int64_t>(&value)) {
        return sqlite3_bind_int64(statement, index, *number);
    }
    if (const auto *text = std::get_if<std::string>(&value)) {
        return sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC, SQLITE_UTF8);
    }
    if (const auto *bytes = std::get_if<Bytes>(&value)) {
        return sqlite3_bind_blob64(statement, index, bytes->data.data(), bytes->data.size(), SQLITE_STATIC);
    }
    return sqlite3_bind_null(statement, index);
}

Value column(sqlite3_stmt *statement, int index) {
    const auto size = [&] { return static_cast<size_t>(sqlite3_column_bytes(statement, index)); };
    switch (sqlite3_column_type(statement, index)) {
        case SQLITE_INTEGER:
            return int64_t{sqlite3_column_int64(statement, index)};
        case SQLITE_TEXT: {
            const unsigned char *text = sqlite3_column_text(statement, index);
            return std::string(reinterpret_cast<const char *>(text), size());
        }
        case SQLITE_BLOB: {
            const char *blob = static_cast<const char *>(sqlite3_column_blob(statement, index));
            return Bytes{blob == nullptr ? std::string() : std::string(blob, size())};
        }
        default:
            return {};  // NULL; a float is none of ours and reads as a broken row
    }
}

/// A prepared statement, and which of its parameters $1, $2, ... are: a look-up by name walks all of them,
/// which statements of many rows would pay for squared.
struct Prepared {
    StatementPtr statement;
    std::vector<int> parameters;  // index of $1, $2, ...

    sqlite3_stmt *get() const noexcept { return statement.get(); }
    int index_of(size_t parameter) {
        while (parameters.size() <= parameter) {
            const std::string name = "$" + std::to_string(parameters.size() + 1);
            parameters.push_back(sqlite3_bind_parameter_index(get(), name.c_str()));
        }
        return parameters[parameter];
    }
};

class SqliteSession final : public Session {
public:
    SqliteSession(std::unique_ptr<sqlite3, CloseDatabase> database, std::chrono::milliseconds wait,
                  std::shared_ptr<WriterLock> writers)
        : database_(std::move(database)),
          wait_(wait),
          writers_(std::move(writers)),
          writing_(*writers_, std::defer_lock) {}

    ~SqliteSession() override {
        statements_.clear();  // before the database they belong to
    }

    Result<Rows> execute(std::string_view sql, std::span<const Value> parameters) override {
        Prepared *prepared = prepare(sql);
        if (prepared == nullptr) {
            return fail_now(sql);
        }
        sqlite3_stmt *statement = prepared->get();
        const std::unique_ptr<sqlite3_stmt, Reset> in_use(statement);
        std::unique_lock<WriterLock> turn(*writers_, std::defer_lock);
        if (sqlite3_stmt_readonly(statement) == 0 && !writing_.owns_lock() && !turn.try_lock_for(wait_)) {
            return failed(Failure::kTimeout, "writer lock", sql);
        }
        for (size_t i = 0; i < parameters.size(); ++i) {
            const int index = prepared->index_of(i);
            if (index == 0 || bind(statement, index, parameters[i]) != SQLITE_OK) {
                return failed(Failure::kStatement, "parameter", sql);
            }
        }
        return step(statement, sql);
    }

    Result<void> run_script(std::string_view sql) override {
        if (sqlite3_exec(database_.get(), std::string(sql).c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
            return fail_now(sql);
        }
        return {};
    }

    Result<void> begin() override {
        if (!writing_.try_lock_for(wait_)) {
            return failed(Failure::kTimeout, "writer lock", "BEGIN");
        }
        Result<void> begun = run_script("BEGIN IMMEDIATE");
        if (!begun) {
            writing_.unlock();
        }
        return begun;
    }

    Result<void> commit() override {
        Result<void> done = run_script("COMMIT");
        if (!done) {
            return done;  // still open: the caller rolls back
        }
        writing_.unlock();
        return done;
    }

    void rollback() noexcept override {
        if (sqlite3_get_autocommit(database_.get()) == 0) {
            sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
        }
        if (writing_.owns_lock()) {
            writing_.unlock();
        }
    }

    bool is_alive() noexcept override { return true; }
    Result<void> ping() override {
        // Handles that are open write on where a new one could not, or find out at their next write.
        if (!may_write(database_.get())) {
            return failed(Failure::kLost, kReadOnly, "SELECT 1");
        }
        return run_script("SELECT 1");
    }
    Result<void> lock_for_migration() override { return {}; }  // BEGIN IMMEDIATE is the lock

private:
    Prepared *prepare(std::string_view sql) {
        const auto cached = statements_.find(std::string(sql));
        if (cached != statements_.end()) {
            return &cached->second;
        }
        sqlite3_stmt *made = nullptr;
        if (sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                               SQLITE_PREPARE_PERSISTENT, &made, nullptr) != SQLITE_OK ||
            made == nullptr) {
            return nullptr;
        }
        if (statements_.size() >= kMaxCachedStatements) {
            statements_.clear();
        }
        return &statements_.emplace(std::string(sql), Prepared{StatementPtr(made), {}}).first->second;
    }

    Result<Rows> step(sqlite3_stmt *statement, std::string_view sql) {
        Rows result;
        int code;
        while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
            const int columns = sqlite3_data_count(statement);  // a step may have prepared it again
            Row row;
            row.reserve(static_cast<size_t>(columns));
            for (int i = 0; i < columns; ++i) {
                row.push_back(column(statement, i));
            }
            result.rows.push_back(std::move(row));
        }
        if (code != SQLITE_DONE) {
            return fail_now(sql);
        }
        if (sqlite3_stmt_readonly(statement) == 0) {
            result.affected = sqlite3_changes64(database_.get());
        }
        return result;
    }

    tl::unexpected<Error> fail_now(std::string_view sql) {
        const int code = sqlite3_extended_errcode(database_.get());
        return failed(classify(code), "sqlite " + std::to_string(code), sql);
    }

    std::unique_ptr<sqlite3, CloseDatabase> database_;
    std::chrono::milliseconds wait_;
    std::shared_ptr<WriterLock> writers_;
    std::unique_lock<WriterLock> writing_;  // held from begin to commit or rollback
    std::unordered_map<std::string, Prepared> statements_;
};

/// Several that open a new file at once all want to make it a WAL one, and SQLite lets nobody wait for that.
bool settle(sqlite3 *database, std::chrono::milliseconds busy_timeout) {
    constexpr const char *kSettings =
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA "
        "secure_delete = ON;"
        "PRAGMA trusted_schema = OFF;";
    const auto deadline = std::chrono::steady_clock::now() + busy_timeout;
    int code = sqlite3_exec(database, kSettings, nullptr, nullptr, nullptr);
    while ((code & 0xff) == SQLITE_BUSY && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        code = sqlite3_exec(database, kSettings, nullptr, nullptr, nullptr);
    }
    return code == SQLITE_OK;
}

}  // namespace

Result<void> prepare_sqlite_file(const std::string &path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail(Errc::kInternal, "the SQLite file " + path + " cannot be opened or created",
                    std::generic_category().message(errno));
    }
    ::close(fd);
    return {};
}

Result<std::unique_ptr<Session>> open_sqlite(const std::string &path, std::chrono::milliseconds busy_timeout,
                                             std::shared_ptr<WriterLock> writers) {
    sqlite3 *opened = nullptr;
    constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    const int code = sqlite3_open_v2(path.c_str(), &opened, kFlags, nullptr);
    std::unique_ptr<sqlite3, CloseDatabase> database(opened);
    if (code != SQLITE_OK) {
        return fail(Errc::kStoreUnavailable, "the SQLite file cannot be opened");
    }
    if (!may_write(opened)) {  // opened nevertheless, without a word
        log::warn("database_connect_failed", {{"reason", kReadOnly}, {"file", path}});
        return fail(Errc::kStoreUnavailable, "the SQLite file may not be written to");
    }
    sqlite3_busy_timeout(opened, static_cast<int>(busy_timeout.count()));
    if (!settle(opened, busy_timeout)) {
        return fail(Errc::kStoreUnavailable, "the SQLite file is damaged, locked or no database");
    }
    return std::make_unique<SqliteSession>(std::move(database), busy_timeout, std::move(writers));
}

}  // namespace nexus::control::store
