// Audit events of reads, written in batches off the read path (DESIGN 7). Events of changes do not come here:
// they are rows of the change's own transaction. A full queue makes the caller write, so that nothing is lost
// silently.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "control_plane/audit/event.h"
#include "control_plane/store/audit_repository.h"
#include "shared/clock.h"

namespace nexus::control {

class Metrics;

struct AuditQueueOptions {
    size_t capacity = 10000;
    size_t batch = 500;
    std::chrono::milliseconds interval{200};
};

class AuditQueue {
public:
    AuditQueue(store::Database &database, Clock clock, Metrics *metrics, AuditQueueOptions options = {});
    ~AuditQueue();  // stops
    AuditQueue(const AuditQueue &) = delete;
    AuditQueue &operator=(const AuditQueue &) = delete;

    void push(audit::Event event);
    /// Writes what is there, then ends; while the database is away, what is left is logged as lost (a
    /// number).
    void stop();

private:
    using Pending = store::audit_log::Pending;
    void run();
    size_t write_all(std::span<const Pending> events);
    bool write(std::span<const Pending> batch);
    void report_depth(size_t events) const;
    void count_lost(size_t events) const;

    store::Database &database_;
    Clock clock_;
    Metrics *metrics_;
    AuditQueueOptions options_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Pending> pending_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace nexus::control
