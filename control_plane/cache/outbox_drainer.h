// Brings Redis up to date with the database: at once after a commit, and for as long as it takes while Redis
// is away. What a record contains is rebuilt from the database by a function of the services'.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <variant>

#include "control_plane/cache/cache_writer.h"
#include "control_plane/store/outbox_repository.h"

namespace nexus::control {

using CacheRecord = std::variant<record::TokenRecord, record::CallerRecord, record::IssuerRecord>;

/// Builds the record of an outbox row from the database as it is now; nullopt: there is nothing to write (the
/// row goes). Called from the drainer's thread and from `flush`. errors are retried later
using RecordSource = std::function<Result<std::optional<CacheRecord>>(const store::OutboxEntry &)>;

struct DrainerOptions {
    std::chrono::milliseconds poll{1000};  // finds rows of other processes
    std::chrono::milliseconds first_retry{200};
    std::chrono::milliseconds last_retry{10000};
    int64_t batch = 100;
    std::chrono::milliseconds at_stop{3000};  // at most, for what is due then
};

class OutboxDrainer {
public:
    OutboxDrainer(store::Database &database, CacheWriter &writer, RecordSource source, Clock clock,
                  DrainerOptions options = {}, Metrics *metrics = nullptr);
    ~OutboxDrainer();  // stops
    OutboxDrainer(const OutboxDrainer &) = delete;
    OutboxDrainer &operator=(const OutboxDrainer &) = delete;

    void start();
    /// Writes what is due, for at most `at_stop`, then ends; what Redis does not take in that time is the
    /// next start's.
    void stop();
    /// There are new rows: drain now. For after a commit, when nobody waits for the cache.
    void notify();
    /// Writes this one record now, in the calling thread, so that the next read finds it; a failure is left
    /// to the drainer and only reported. errors kCacheUnavailable, kStoreUnavailable
    Result<void> flush(redis::EventKind kind, std::string_view id, int64_t generation);
    /// An edge has asked for this record, so Redis seems to have lost it: write it again when there is time.
    /// A hint only; it is dropped while Redis is away, and when too many wait.
    void offer(redis::EventKind kind, std::string_view id);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::control
