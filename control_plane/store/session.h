// One connection to a database, as the drivers implement it and the pool hands it out. Used by one thread at
// a time.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "control_plane/store/value.h"
#include "shared/result.h"

namespace nexus::control::store {

/// Why a statement failed, for the pool and for retries.
enum class Failure : uint8_t {
    kNone,
    kConflict,   // unique or foreign key: the caller's to judge
    kRetry,      // serialization failure, deadlock, busy: the same transaction may succeed next time
    kTimeout,    // took longer than allowed
    kLost,       // the connection is gone, or will never write: not for the pool
    kStatement,  // anything else
};

class Session {
public:
    virtual ~Session() = default;

    virtual Result<Rows> execute(std::string_view sql, std::span<const Value> parameters) = 0;
    /// Several statements without parameters (migrations, BEGIN). errors as execute
    virtual Result<void> run_script(std::string_view sql) = 0;

    virtual Result<void> begin() = 0;
    virtual Result<void> commit() = 0;
    virtual void rollback() noexcept = 0;

    /// Cheap look at a connection that was idle: has the other end hung up?
    virtual bool is_alive() noexcept = 0;
    /// Does the database answer, and does it take writes? errors as execute
    virtual Result<void> ping() = 0;
    /// Makes BEGIN of a migration wait for other processes, and gives it more time.
    virtual Result<void> lock_for_migration() = 0;

    Failure last_failure() const noexcept { return failure_; }
    /// Its SQLSTATE, or what the driver says instead; "" = none so far.
    const std::string &last_code() const noexcept { return code_; }
    void forget_failure() noexcept { failure_ = Failure::kNone; }

protected:
    /// Remembers the failure and makes the error that callers see; `code` (SQLSTATE or such) goes to the log
    /// only.
    tl::unexpected<Error> failed(Failure failure, std::string_view code, std::string_view sql);

    Failure failure_ = Failure::kNone;

private:
    std::string code_;
};

}  // namespace nexus::control::store
