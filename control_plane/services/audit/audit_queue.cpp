// Audit events of reads: see audit_queue.h.
#include "control_plane/services/audit/audit_queue.h"

#include <algorithm>
#include <iterator>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"

namespace nexus::control {

AuditQueue::AuditQueue(store::Database &database, Clock clock, Metrics *metrics, AuditQueueOptions options)
    : database_(database), clock_(std::move(clock)), metrics_(metrics), options_(options), thread_([this] {
          run();
      }) {}

AuditQueue::~AuditQueue() {
    stop();
}

void AuditQueue::push(audit::Event event) {
    if (metrics_ != nullptr) {
        metrics_->audit_event(event.type);
    }
    Pending entry{audit::bounded(std::move(event)), clock_()};
    {
        std::lock_guard lock(mutex_);
        if (pending_.size() < options_.capacity && !stopping_) {
            pending_.push_back(std::move(entry));
            return;  // the writer looks every interval: a read does not wake it
        }
    }
    if (!write({&entry, 1})) {
        count_lost(1);
        log::error("audit_event_lost", {{"type", entry.event.type}});
    }
}

void AuditQueue::stop() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void AuditQueue::run() {
    std::vector<Pending> taken;
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait_for(lock, options_.interval, [this] { return stopping_; });
        const bool is_last = stopping_;
        taken.clear();
        taken.swap(pending_);
        lock.unlock();
        const size_t written = write_all(taken);
        lock.lock();
        if (is_last && written < taken.size()) {
            count_lost(taken.size() - written);
            log::error("audit_events_lost", {{"count", taken.size() - written}});
        } else if (written <
                   taken.size()) {  // the database is away: again after the interval, in their order
            pending_.insert(pending_.begin(),
                            std::make_move_iterator(taken.begin() + static_cast<std::ptrdiff_t>(written)),
                            std::make_move_iterator(taken.end()));
        }
        report_depth(pending_.size());
        if (is_last) {
            return;  // nothing joins once stopping_ is set
        }
    }
}

/// returns how many, from the first, are written
size_t AuditQueue::write_all(std::span<const Pending> events) {
    size_t written = 0;
    while (written < events.size()) {
        const std::span<const Pending> batch =
            events.subspan(written, std::min(options_.batch, events.size() - written));
        if (!write(batch)) {
            break;
        }
        written += batch.size();
    }
    return written;
}

void AuditQueue::report_depth(size_t events) const {
    if (metrics_ != nullptr) {
        metrics_->audit_queue_depth(events);
    }
}

void AuditQueue::count_lost(size_t events) const {
    if (metrics_ != nullptr) {
        metrics_->audit_lost(events);
    }
}

bool AuditQueue::write(std::span<const Pending> batch) {
    const auto started = std::chrono::steady_clock::now();
    const Result<void> written =
        database_.transact([&](store::Transaction &sql) { return store::audit_log::append_all(sql, batch); });
    if (metrics_ != nullptr) {
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
        metrics_->audit_write(took.count());
    }
    return written.has_value();
}

}  // namespace nexus::control
