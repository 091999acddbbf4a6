// Housekeeping: see janitor.h.
#include "control_plane/services/janitor.h"

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/store/audit_repository.h"
#include "control_plane/store/connection_repository.h"

namespace nexus::control {

Janitor::Janitor(store::Database &database, Clock clock, std::chrono::seconds interval, UnixMs keep_audit_ms,
                 Metrics *metrics)
    : database_(database),
      clock_(std::move(clock)),
      interval_(interval),
      keep_audit_ms_(keep_audit_ms),
      metrics_(metrics),
      thread_([this] { run(); }) {}

Janitor::~Janitor() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

int64_t Janitor::sweep() {
    UnixMs now = clock_();
    return sweep_all(store::connections::delete_expired_pending, now - kKeepPendingMs) +
           sweep_all(store::connections::purge_deleted, now - kKeepDeletedMs);
}

int64_t Janitor::sweep_all(Result<int64_t> (*one_batch)(store::Executor &, UnixMs, int64_t), UnixMs before) {
    int64_t total = 0;
    for (;;) {
        Result<int64_t> deleted = one_batch(database_, before, kBatch);
        if (!deleted) {
            log::warn("janitor_failed", {{"reason", deleted.error().message}});
            return total;
        }
        total += *deleted;
        if (*deleted < kBatch) {
            return total;
        }
    }
}

int64_t Janitor::trim_audit() {
    if (keep_audit_ms_ == 0) {
        return 0;
    }
    int64_t total = 0;
    for (;;) {
        const UnixMs now = clock_();
        Result<int64_t> removed = store::audit_log::trim(database_, now - keep_audit_ms_, kAuditBatch, now);
        if (!removed) {
            log::warn("audit_trim_failed", {{"reason", removed.error().message}});
            return total;
        }
        total += *removed;
        if (metrics_ != nullptr) {
            metrics_->audit_trimmed(*removed);
        }
        if (*removed < kAuditBatch) {
            return total;
        }
    }
}

void Janitor::run() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, interval_, [this] { return stopping_; })) {
        lock.unlock();
        if (int64_t deleted = sweep(); deleted > 0) {
            log::info("dead_connections_removed", {{"count", deleted}});
        }
        if (int64_t trimmed = trim_audit(); trimmed > 0) {
            log::info("audit_rows_trimmed", {{"count", trimmed}});
        }
        lock.lock();
    }
}

}  // namespace nexus::control
