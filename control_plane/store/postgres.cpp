// PostgreSQL over libpq, with parameters and results in binary form. Waiting is our own poll(), because the
// server's statement_timeout does not help against a server that is stopped. Statements are prepared on the
// server until it turns out that something between us and it (PgBouncer) mixes up its connections: then no
// more.
#include "control_plane/store/postgres.h"

#include <libpq-fe.h>
#include <poll.h>
#include <array>
#include <atomic>
#include <string>
#include <unordered_map>

#include "control_plane/log/log.h"

namespace nexus::control::store {

namespace {

using SteadyClock = std::chrono::steady_clock;

// pg_type.dat of PostgreSQL; these never change.
constexpr Oid kBool = 16, kBytea = 17, kInt8 = 20, kInt4 = 23, kText = 25, kVarchar = 1043;
constexpr std::chrono::milliseconds kGrace{1000};  // over the server's own time-out
constexpr std::chrono::milliseconds kMigrationTimeout{60000};
constexpr std::string_view kReadOnlyState = "25006";  // read_only_sql_transaction
constexpr int kBinary = 1;
constexpr size_t kMaxPrepared = 128;  // per connection

struct Finish {
    void operator()(PGconn *connection) const noexcept { PQfinish(connection); }
};
struct Clear {
    void operator()(PGresult *result) const noexcept { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, Clear>;

std::array<char, 8> to_big_endian(int64_t number) noexcept {
    std::array<char, 8> bytes;
    const auto bits = static_cast<uint64_t>(number);
    for (size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<char>(bits >> (56 - 8 * i));
    }
    return bytes;
}

int64_t from_big_endian(std::string_view bytes) noexcept {
    uint64_t bits = !bytes.empty() && (bytes.front() & 0x80) != 0 ? ~uint64_t{0} : 0;  // sign of int4
    for (const char byte : bytes) {
        bits = bits << 8 | static_cast<unsigned char>(byte);
    }
    return static_cast<int64_t>(bits);
}

/// libpq's four parallel arrays.
class Parameters {
public:
    explicit Parameters(std::span<const Value> values) : numbers_(values.size()) {
        for (size_t i = 0; i < values.size(); ++i) {
            if (const auto *number = std::get_if<int64_t>(&values[i])) {
                numbers_[i] = to_big_endian(*number);
                add(kInt8, numbers_[i].data(), numbers_[i].size());
            } else if (const auto *text = std::get_if<std::string>(&values[i])) {
                add(kText, text->data(), text->size());
            } else if (const auto *bytes = std::get_if<Bytes>(&values[i])) {
                add(kBytea, bytes->data.data(), bytes->data.size());
            } else {
                add(0, nullptr, 0);  // NULL: the server infers the type
            }
        }
    }

    /// One letter for each type: a statement is prepared for the types that it is called with.
    std::string signature() const {
        std::string letters;
        for (const Oid type : types_) {
            letters.push_back(type == kInt8 ? 'i' : type == kText ? 't' : type == kBytea ? 'b' : '0');
        }
        return letters;
    }
    int count() const { return static_cast<int>(types_.size()); }
    const Oid *types() const { return types_.data(); }
    const char *const *values() const { return values_.data(); }
    const int *lengths() const { return lengths_.data(); }
    const int *formats() const { return formats_.data(); }

private:
    void add(Oid type, const char *data, size_t size) {
        types_.push_back(type);
        values_.push_back(data);
        lengths_.push_back(static_cast<int>(size));
        formats_.push_back(kBinary);
    }

    std::vector<std::array<char, 8>> numbers_;
    std::vector<Oid> types_;
    std::vector<const char *> values_;
    std::vector<int> lengths_;
    std::vector<int> formats_;
};

/// The server does not know a statement that we prepared, or knows another one, or its tables have changed
/// since.
bool is_about_prepared(std::string_view state) noexcept {
    return state == "26000" || state == "42P05" || state == "0A000";
}

Failure classify(std::string_view state) noexcept {
    if (state == "40001" || state == "40P01" || state == "55P03") {
        return Failure::kRetry;  // serialization failure, deadlock, lock not available
    }
    if (state == "23505" || state == "23503") {
        return Failure::kConflict;  // unique, foreign key
    }
    if (state == "57014") {
        return Failure::kTimeout;  // statement_timeout
    }
    if (state.starts_with("57P") || state.starts_with("08") || state == "25P03") {
        return Failure::kLost;  // shutdown, connection exception, idle in transaction
    }
    if (state == kReadOnlyState) {
        return Failure::kLost;  // a standby by now, which answers for ever: the next one may be the primary
    }
    return Failure::kStatement;
}

Result<Value> read_field(const PGresult *result, int row, int column) {
    if (PQgetisnull(result, row, column) != 0) {
        return Value{};
    }
    const std::string_view bytes(PQgetvalue(result, row, column),
                                 static_cast<size_t>(PQgetlength(result, row, column)));
    switch (PQftype(result, column)) {
        case kInt8:
        case kInt4:
        case kBool:
            return Value{from_big_endian(bytes)};
        case kText:
        case kVarchar:
            return Value{std::string(bytes)};
        case kBytea:
            return Value{Bytes{std::string(bytes)}};
        default:
            return fail(Errc::kStoreUnavailable, "the database answered with a type that is not ours");
    }
}

class PostgresSession final : public Session {
public:
    PostgresSession(std::unique_ptr<PGconn, Finish> connection, std::chrono::milliseconds timeout,
                    std::shared_ptr<std::atomic<bool>> may_prepare)
        : connection_(std::move(connection)), timeout_(timeout), may_prepare_(std::move(may_prepare)) {}

    Result<Rows> execute(std::string_view sql, std::span<const Value> parameters) override {
        const Parameters values(parameters);
        Result<std::string> name = prepared(sql, values);
        if (!name) {
            return fail(name.error());
        }
        const int sent =
            name->empty() ? PQsendQueryParams(connection_.get(), std::string(sql).c_str(), values.count(),
                                              values.types(), values.values(), values.lengths(),
                                              values.formats(), kBinary)
                          : PQsendQueryPrepared(connection_.get(), name->c_str(), values.count(),
                                                values.values(), values.lengths(), values.formats(), kBinary);
        if (sent == 0) {
            return failed(Failure::kLost, "send", sql);
        }
        return collect(sql);
    }

    Result<void> run_script(std::string_view sql) override {
        if (PQsendQuery(connection_.get(), std::string(sql).c_str()) == 0) {
            return failed(Failure::kLost, "send", sql);
        }
        Result<Rows> done = collect(sql);
        if (!done) {
            return fail(done.error());
        }
        return {};
    }

    Result<void> begin() override { return run_script("BEGIN"); }

    Result<void> commit() override {
        // COMMIT of an aborted transaction succeeds as ROLLBACK; say so instead.
        if (PQtransactionStatus(connection_.get()) == PQTRANS_INERROR) {
            return failed(Failure::kStatement, "aborted", "COMMIT");
        }
        return run_script("COMMIT");
    }

    void rollback() noexcept override {
        if (failure_ == Failure::kLost || PQtransactionStatus(connection_.get()) == PQTRANS_IDLE) {
            return;
        }
        const Failure cause = failure_;
        try {
            if (!run_script("ROLLBACK")) {
                failure_ = Failure::kLost;  // in an unknown state: not for the pool
                return;
            }
        } catch (...) {
            failure_ = Failure::kLost;
            return;
        }
        failure_ = cause;
    }

    bool is_alive() noexcept override {
        pollfd socket{PQsocket(connection_.get()), POLLIN, 0};
        if (::poll(&socket, 1, 0) > 0 && PQconsumeInput(connection_.get()) == 0) {
            return false;  // an idle server has nothing to say but good-bye
        }
        return PQstatus(connection_.get()) == CONNECTION_OK;
    }

    Result<void> ping() override {
        constexpr std::string_view kQuestion = "SELECT current_setting('transaction_read_only')";
        Result<Rows> setting = execute(kQuestion, {});
        if (!setting) {
            return fail(setting.error());
        }
        if (setting->empty() || setting->rows[0][0] != Value{std::string("off")}) {
            return failed(Failure::kLost, kReadOnlyState, kQuestion);
        }
        return {};
    }

    Result<void> lock_for_migration() override {
        timeout_ = kMigrationTimeout;
        // The lock's number is "nexus" in ASCII: any program of ours, and hardly another, asks for it.
        return run_script("SET LOCAL statement_timeout = 60000; SELECT pg_advisory_xact_lock(474148795763)");
    }

private:
    /// The name of the statement on the server, which is made there at its first use; "" where none is to be.
    Result<std::string> prepared(std::string_view sql, const Parameters &values) {
        if (!*may_prepare_) {
            return std::string();
        }
        std::string key = values.signature().append(1, '\0').append(sql);
        if (const auto known = prepared_.find(key); known != prepared_.end()) {
            return known->second;
        }
        if (prepared_.size() >= kMaxPrepared) {
            prepared_.clear();
            if (Result<void> dropped = run_script("DEALLOCATE ALL"); !dropped) {
                return fail(dropped.error());
            }
        }
        std::string name = "nexus_" + std::to_string(++last_name_);
        if (PQsendPrepare(connection_.get(), name.c_str(), std::string(sql).c_str(), values.count(),
                          values.types()) == 0) {
            return failed(Failure::kLost, "send", sql);
        }
        if (Result<Rows> made = collect(sql); !made) {
            return fail(made.error());
        }
        prepared_.emplace(std::move(key), name);
        return name;
    }

    /// errors that a retry without prepared statements does not meet again
    Failure give_up_preparing(std::string_view state) {
        if (state != "0A000") {
            *may_prepare_ = false;
        }
        prepared_.clear();
        return Failure::kRetry;
    }

    /// Waits until the next result can be had without blocking.
    bool wait_for_result(SteadyClock::time_point deadline) noexcept {
        while (true) {
            const int flushed = PQflush(connection_.get());
            if (flushed < 0) {
                return false;
            }
            if (flushed == 0 && PQisBusy(connection_.get()) == 0) {
                return true;
            }
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(deadline - SteadyClock::now());
            const short events = static_cast<short>(flushed == 0 ? POLLIN : POLLIN | POLLOUT);
            pollfd socket{PQsocket(connection_.get()), events, 0};
            if (left.count() <= 0) {
                return false;
            }
            const int ready = ::poll(&socket, 1, static_cast<int>(left.count()));
            if (ready < 0 && errno != EINTR) {
                return false;
            }
            if (ready > 0 && (socket.revents & ~POLLOUT) != 0 && PQconsumeInput(connection_.get()) == 0) {
                return false;
            }
        }
    }

    Result<Rows> collect(std::string_view sql) {
        const SteadyClock::time_point deadline = SteadyClock::now() + timeout_ + kGrace;
        Result<Rows> outcome = Rows{};
        while (true) {
            if (!wait_for_result(deadline)) {
                return failed(Failure::kLost,
                              PQstatus(connection_.get()) == CONNECTION_OK ? "timeout" : "lost", sql);
            }
            const ResultPtr result(PQgetResult(connection_.get()));
            if (!result) {
                return outcome;
            }
            if (outcome) {  // the first error counts
                outcome = read_result(result.get(), sql);
            }
        }
    }

    Result<Rows> read_result(const PGresult *result, std::string_view sql) {
        const ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
            const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
            if (state == nullptr) {
                return failed(Failure::kLost, "lost", sql);
            }
            const bool is_ours = is_about_prepared(state) && !prepared_.empty();
            return failed(is_ours ? give_up_preparing(state) : classify(state), state, sql);
        }
        Rows rows;
        for (int i = 0; status == PGRES_TUPLES_OK && PQbinaryTuples(result) != 0 && i < PQntuples(result);
             ++i) {
            Row row;
            for (int column = 0; column < PQnfields(result); ++column) {
                Result<Value> value = read_field(result, i, column);
                if (!value) {
                    return fail(value.error());
                }
                row.push_back(std::move(*value));
            }
            rows.rows.push_back(std::move(row));
        }
        // Also for RETURNING; 0 for what changes nothing but SELECT, where it counts rows read.
        rows.affected = std::atoll(PQcmdTuples(const_cast<PGresult *>(result)));
        return rows;
    }

    std::unique_ptr<PGconn, Finish> connection_;
    std::chrono::milliseconds timeout_;
    std::shared_ptr<std::atomic<bool>> may_prepare_;
    std::unordered_map<std::string, std::string> prepared_;  // types and text to name
    int64_t last_name_ = 0;
};

/// For logs: libpq's own text may quote what is in the connection string.
std::string_view connect_problem(const PGconn *connection) {
    if (connection == nullptr) {
        return "memory";
    }
    if (PQconnectionNeedsPassword(connection) != 0) {
        return "password";
    }
    constexpr std::pair<std::string_view, std::string_view> kProblems[] = {
        {"no pg_hba.conf entry", "login_refused"},  // first: it says whether SSL was on
        {"certificate", "certificate"},
        {"SSL", "tls"},
        {"authentication failed", "login_refused"},
        {"role \"", "login_refused"},  // ... does not exist, is not permitted to log in
        {"database \"", "no_such_database"},
        {"translate host name", "unknown_host"},
        {"Connection refused", "connection_refused"},
        {"No such file or directory", "connection_refused"},
        {"timeout expired", "timeout"},
        {"connection slots", "too_many_connections"},
        {"too many c", "too_many_connections"},  // clients already, connections for role
        {"starting up", "starting_or_stopping"},
        {"shutting down", "starting_or_stopping"},
        {"recovery mode", "starting_or_stopping"},
        {"session is read-only", "read_only"},  // a standby, or default_transaction_read_only
        {"in hot standby mode", "read_only"},
    };
    const std::string_view text = PQerrorMessage(connection);
    for (const auto &[words, problem] : kProblems) {
        if (text.find(words) != std::string_view::npos) {
            return problem;
        }
    }
    return "unreachable";
}

std::string_view or_empty(const char *text) {
    return text != nullptr ? text : std::string_view{};
}

void log_connect_problem(const PGconn *connection) {
    log::warn("database_connect_failed", {{"reason", connect_problem(connection)},
                                          {"host", or_empty(PQhost(connection))},
                                          {"port", or_empty(PQport(connection))},
                                          {"database", or_empty(PQdb(connection))},
                                          {"user", or_empty(PQuser(connection))}});
}

/// The same for whoever starts nexusd: "no_such_database: nexus at 127.0.0.1:5432 as nexus".
std::string describe_connect_problem(const PGconn *connection) {
    return std::string(connect_problem(connection))
        .append(": ")
        .append(or_empty(PQdb(connection)))
        .append(" at ")
        .append(or_empty(PQhost(connection)))
        .append(":")
        .append(or_empty(PQport(connection)))
        .append(" as ")
        .append(or_empty(PQuser(connection)));
}

}  // namespace

Result<std::unique_ptr<Session>> open_postgres(const Secret &url, std::chrono::milliseconds connect_timeout,
                                               std::chrono::milliseconds statement_timeout,
                                               std::shared_ptr<std::atomic<bool>> may_prepare) {
    std::string text(url.view());
    const std::string seconds = std::to_string((connect_timeout.count() + 999) / 1000);
    // A later dbname would not override the URL's other settings; ours stand in front, so that the URL may
    // override. read-write: an address that leads to a standby for a while must not fill the pool with it.
    const char *const names[] = {"connect_timeout",
                                 "application_name",
                                 "tcp_user_timeout",
                                 "client_encoding",
                                 "target_session_attrs",
                                 "dbname",
                                 nullptr};
    const char *const values[] = {seconds.c_str(), "nexusd",     "10000", "UTF8",
                                  "read-write",    text.c_str(), nullptr};
    std::unique_ptr<PGconn, Finish> connection(PQconnectdbParams(names, values, 1));
    wipe(text);
    if (!connection || PQstatus(connection.get()) != CONNECTION_OK) {
        log_connect_problem(connection.get());
        return fail(Error{Errc::kStoreUnavailable, "the database is not available",
                          describe_connect_problem(connection.get()), 1});
    }

    PQsetNoticeProcessor(
        connection.get(), [](void *, const char *) {}, nullptr);  // may quote values
    PQsetnonblocking(connection.get(), 1);
    auto session =
        std::make_unique<PostgresSession>(std::move(connection), statement_timeout, std::move(may_prepare));
    const std::string milliseconds = std::to_string(statement_timeout.count());
    // A process that is stopped within a transaction holds its locks, the audit chain's among them: the
    // others wait less long for it than for a statement.
    if (Result<void> set = session->run_script("SET statement_timeout = " + milliseconds +
                                               "; SET idle_in_transaction_session_timeout = 3000");
        !set) {
        return fail(set.error());
    }
    return session;
}

}  // namespace nexus::control::store
