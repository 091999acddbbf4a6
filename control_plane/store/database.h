// The database: a bounded pool of connections over one of two drivers (SQLite, PostgreSQL), one set of SQL
// with $1 parameters. Every failure of the database is kStoreUnavailable, never "not found"; a unique
// violation is kConflict. Knows no tables: those are the repositories'.
#pragma once

#include <chrono>
#include <concepts>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "control_plane/config/config.h"
#include "control_plane/store/value.h"
#include "shared/result.h"

namespace nexus::control {
class Metrics;
namespace audit {
class Chain;
}
}  // namespace nexus::control

namespace nexus::control::store {

/// Something that runs SQL: a transaction, or the database itself (one statement, its own transaction).
class Executor {
public:
    virtual ~Executor() = default;
    /// sql  one statement with $1, $2, ... each used in order of `parameters`
    virtual Result<Rows> execute(std::string_view sql, std::span<const Value> parameters) = 0;

    Result<Rows> execute(std::string_view sql, std::initializer_list<Value> parameters = {}) {
        return execute(sql, std::span<const Value>(parameters.begin(), parameters.size()));
    }
};

/// An open transaction: exists only inside Database::transact.
class Transaction : public Executor {
public:
    using Executor::execute;
    /// The database's, see Database::set_audit_chain; nullptr = none.
    virtual audit::Chain *audit_chain() const noexcept { return nullptr; }
    /// The first time only: what is seen of the audit chain later on is the transaction's own work, which may
    /// not last.
    bool is_first_look_at_audit() noexcept { return !std::exchange(has_looked_at_audit_, true); }

private:
    bool has_looked_at_audit_ = false;
};

struct DatabaseOptions {
    unsigned pool_size = 8;
    std::chrono::milliseconds pool_wait{2000};
    std::chrono::milliseconds connect_timeout{3000};
    std::chrono::milliseconds statement_timeout{5000};  // SQLite: busy_timeout
};

class Database : public Executor {
public:
    /// Opens lazily: an unreachable server shows at the first statement, so that nexusd can start before it.
    /// errors kInternal (SQLite path that cannot be opened shows here)
    static Result<std::unique_ptr<Database>> open(const DatabaseTarget &target, DatabaseOptions options = {},
                                                  Metrics *metrics = nullptr);

    using Executor::execute;
    virtual DatabaseKind kind() const noexcept = 0;
    /// errors kStoreUnavailable
    virtual Result<void> ping() = 0;
    /// Applies the migrations that are missing, each in a transaction, one process at a time.
    /// returns how many were applied. errors kStoreUnavailable; kInternal: an applied one was changed since,
    /// or the database is newer than this program
    virtual Result<int> migrate() = 0;
    /// errors kInternal, as migrate, also when a migration is missing. For start-up without `migrate`.
    virtual Result<void> check_schema() = 0;

    /// What makes audit rows that nobody without the vault's keys can make (audit/chain.h). Set once, before
    /// the database is shared by threads; without it rows carry a plain hash.
    void set_audit_chain(std::shared_ptr<audit::Chain> chain) { audit_chain_ = std::move(chain); }
    audit::Chain *audit_chain() const noexcept { return audit_chain_.get(); }

    /// Runs `work(Transaction &)` -> Result<T> in a transaction: commits on a value, rolls back on an error.
    /// Run again, a few times, after a serialization failure, deadlock or busy database: so it must have no
    /// other side effects.
    template <typename Work>
    auto transact(Work &&work) -> std::invoke_result_t<Work &, Transaction &> {
        using Outcome = std::invoke_result_t<Work &, Transaction &>;
        Outcome outcome = fail(Errc::kInternal, "the transaction did not run");
        Result<void> committed = run_transaction([&](Transaction &transaction) -> Result<void> {
            outcome = work(transaction);
            if (!outcome) {
                return fail(outcome.error());
            }
            return {};
        });
        if (!committed) {
            return fail(committed.error());
        }
        return outcome;
    }

protected:
    virtual Result<void> run_transaction(const std::function<Result<void>(Transaction &)> &work) = 0;

private:
    std::shared_ptr<audit::Chain> audit_chain_;
};

}  // namespace nexus::control::store
