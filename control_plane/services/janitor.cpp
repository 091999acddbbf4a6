// Housekeeping: see janitor.h.
#include "control_plane/services/janitor.h"

#include "control_plane/log/log.h"
#include "control_plane/store/connection_repository.h"

namespace nexus::control {

Janitor::Janitor(store::Database &database, Clock clock, std::chrono::seconds interval)
    : database_(database), clock_(std::move(clock)), interval_(interval), thread_([this] { run(); }) {}

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

void Janitor::run() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, interval_, [this] { return stopping_; })) {
        lock.unlock();
        if (int64_t deleted = sweep(); deleted > 0) {
            log::info("dead_connections_removed", {{"count", deleted}});
        }
        lock.lock();
    }
}

}  // namespace nexus::control
