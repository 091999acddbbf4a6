// Audit events of reads: see audit_queue.h.
#include "control_plane/services/audit_queue.h"

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/store/audit_repository.h"

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
    std::deque<Pending> alone;
    alone.push_back(std::move(entry));
    if (!write(alone)) {
        log::error("audit_event_lost", {{"type", alone.front().event.type}});
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
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait_for(lock, options_.interval, [this] { return stopping_; });
        bool last = stopping_;
        while (!pending_.empty()) {
            std::deque<Pending> batch;
            while (!pending_.empty() && batch.size() < options_.batch) {
                batch.push_back(std::move(pending_.front()));
                pending_.pop_front();
            }
            lock.unlock();
            bool written = write(batch);
            lock.lock();
            if (written) {
                continue;
            }
            if (last) {
                log::error("audit_events_lost", {{"count", batch.size() + pending_.size()}});
                return;
            }
            pending_.insert(pending_.begin(), std::make_move_iterator(batch.begin()),
                            std::make_move_iterator(batch.end()));
            break;  // the database is away: again after the interval
        }
        if (last && pending_.empty()) {
            return;
        }
    }
}

bool AuditQueue::write(const std::deque<Pending> &batch) {
    Result<void> written = database_.transact([&](store::Transaction &sql) -> Result<void> {
        for (const Pending &entry : batch) {
            if (Result<void> appended = store::audit_log::append(sql, entry.event, entry.at); !appended) {
                return appended;
            }
        }
        return {};
    });
    return written.has_value();
}

}  // namespace nexus::control
