// Database over a pool: autocommit statements, transactions and their retries, the same for both drivers.
#include "control_plane/store/database.h"

#include <algorithm>
#include <thread>

#include "control_plane/metrics/metrics.h"
#include "control_plane/store/migrations.h"
#include "control_plane/store/pool.h"
#include "control_plane/store/postgres.h"
#include "control_plane/store/sqlite.h"
#include "shared/crypto/random.h"

namespace nexus::control::store {

namespace {

constexpr int kMaxAttempts = 6;

/// 5, 10, 20, ... ms, each plus up to as much again, so that rivals do not meet twice.
void back_off(int attempt) {
    const auto base = std::chrono::milliseconds(5 << std::min(attempt, 5));
    const auto random = static_cast<unsigned char>(crypto::random_bytes(1).front());
    std::this_thread::sleep_for(base + base * random / 256);
}

std::string_view outcome_of(const Session &session, bool is_done) noexcept {
    if (is_done) {
        return "ok";
    }
    switch (session.last_failure()) {
        case Failure::kConflict:
            return "conflict";
        case Failure::kRetry:
            return "retry";
        case Failure::kTimeout:
            return "timeout";
        case Failure::kLost:
            return "lost";
        case Failure::kStatement:
        case Failure::kNone:
            break;
    }
    return "statement";
}

/// Runs one step of a session, and tells how long it took.
template <typename Step>
auto timed(Metrics *metrics, Session &session, Step &&step) {
    const auto started = std::chrono::steady_clock::now();
    auto done = step();
    if (metrics != nullptr) {
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
        metrics->store_query(outcome_of(session, done.has_value()), took.count());
    }
    return done;
}

class SessionTransaction final : public Transaction {
public:
    SessionTransaction(Session &session, Metrics *metrics, audit::Chain *chain)
        : session_(session), metrics_(metrics), chain_(chain) {}

    Result<Rows> execute(std::string_view sql, std::span<const Value> parameters) override {
        return timed(metrics_, session_, [&] { return session_.execute(sql, parameters); });
    }
    audit::Chain *audit_chain() const noexcept override { return chain_; }

private:
    Session &session_;
    Metrics *const metrics_;
    audit::Chain *const chain_;
};

class PooledDatabase final : public Database {
public:
    PooledDatabase(DatabaseKind kind, Pool::Factory factory, const DatabaseOptions &options, Metrics *metrics)
        : kind_(kind),
          pool_(std::move(factory), options.pool_size, options.pool_wait, metrics),
          metrics_(metrics) {}

    DatabaseKind kind() const noexcept override { return kind_; }

    Result<Rows> execute(std::string_view sql, std::span<const Value> parameters) override {
        for (int attempt = 0;; ++attempt) {
            Result<Pool::Lease> session = acquire();
            if (!session) {
                return fail(session.error());
            }
            Result<Rows> rows =
                timed(metrics_, **session, [&] { return (*session)->execute(sql, parameters); });
            if (rows || !may_retry(**session, attempt)) {
                return rows;
            }
            back_off(attempt);
        }
    }

    Result<void> ping() override {
        for (int attempt = 0;; ++attempt) {
            Result<Pool::Lease> session = acquire();
            if (!session) {
                return fail(session.error());
            }
            Result<void> answered = timed(metrics_, **session, [&] { return (*session)->ping(); });
            if (answered || !may_retry(**session, attempt)) {
                return answered;
            }
            back_off(attempt);
        }
    }

    Result<int> migrate() override {
        Result<Pool::Lease> session = pool_.acquire();
        if (!session) {
            count("connection");
            return fail(session.error());
        }
        (*session)->forget_failure();
        for (int applied = 0;; ++applied) {
            Result<bool> one = apply_next(**session, all_migrations(), system_now_ms());
            if (!one) {
                return fail(one.error());
            }
            if (!*one) {
                return applied;
            }
        }
    }

    Result<void> check_schema() override {
        Result<Pool::Lease> session = acquire();
        if (!session) {
            return fail(session.error());
        }
        return check_applied(**session, all_migrations());
    }

protected:
    Result<void> run_transaction(const std::function<Result<void>(Transaction &)> &work) override {
        for (int attempt = 0;; ++attempt) {
            Result<Pool::Lease> session = acquire();
            if (!session) {
                return fail(session.error());
            }
            Result<void> done = run_once(**session, work);
            if (done || !may_retry(**session, attempt)) {
                return done;
            }
            back_off(attempt);
        }
    }

private:
    Result<void> run_once(Session &session, const std::function<Result<void>(Transaction &)> &work) const {
        if (Result<void> begun = session.begin(); !begun) {
            return begun;
        }
        SessionTransaction transaction(session, metrics_, audit_chain());
        Result<void> done = run_guarded(session, transaction, work);
        if (done) {
            done = timed(metrics_, session, [&] { return session.commit(); });
        }
        if (!done) {
            session.rollback();
        }
        return done;
    }

    /// An exception from `work` must not leave the transaction open.
    static Result<void> run_guarded(Session &session, Transaction &transaction,
                                    const std::function<Result<void>(Transaction &)> &work) {
        try {
            return work(transaction);
        } catch (...) {
            session.rollback();
            throw;
        }
    }

    Result<Pool::Lease> acquire() {
        Result<Pool::Lease> session = pool_.acquire();
        if (!session) {
            count("connection");
            session.error().detail.clear();  // where and why is in the log; callers of the API see the error
        } else {
            (*session)->forget_failure();
        }
        return session;
    }

    bool may_retry(Session &session, int attempt) {
        switch (session.last_failure()) {
            case Failure::kRetry:
                if (attempt + 1 < kMaxAttempts) {
                    return true;
                }
                count("retries");
                return false;
            case Failure::kTimeout:
                count("timeout");
                return false;
            case Failure::kLost:
                count("lost");
                return false;
            case Failure::kStatement:
                count("statement");
                return false;
            case Failure::kNone:
            case Failure::kConflict:
                return false;
        }
        return false;
    }

    void count(std::string_view kind) {
        if (metrics_ != nullptr) {
            metrics_->store_error(kind);
        }
    }

    const DatabaseKind kind_;
    Pool pool_;
    Metrics *const metrics_;
};

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const DatabaseTarget &target, DatabaseOptions options,
                                                 Metrics *metrics) {
    Pool::Factory factory;
    if (target.kind == DatabaseKind::kSqlite) {
        if (Result<void> prepared = prepare_sqlite_file(target.path); !prepared) {
            return fail(prepared.error());
        }
        factory = [path = target.path, options, writers = std::make_shared<WriterLock>()] {
            return open_sqlite(path, options.statement_timeout, writers);
        };
    } else {
        factory = [url = std::make_shared<Secret>(target.url.clone()), options,
                   may_prepare = std::make_shared<std::atomic<bool>>(true)] {
            return open_postgres(*url, options.connect_timeout, options.statement_timeout, may_prepare);
        };
    }
    return std::make_unique<PooledDatabase>(target.kind, std::move(factory), options, metrics);
}

}  // namespace nexus::control::store
