// Housekeeping: consents that nobody finished do not pile up (reference D32).
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "control_plane/store/database.h"
#include "shared/clock.h"

namespace nexus::control {

class Metrics;

class Janitor {
public:
    /// A pending connection is deleted this long after its flow ended: pollers learn of the end meanwhile.
    static constexpr UnixMs kKeepPendingMs = 24LL * 3600 * 1000;
    /// A deleted connection's row goes this long after: by then every edge has heard of it.
    static constexpr UnixMs kKeepDeletedMs = 24LL * 3600 * 1000;
    static constexpr int64_t kBatch = 500;
    static constexpr int64_t kAuditBatch = 5000;

    /// keep_audit_ms  audit rows older than this go; 0 = none
    Janitor(store::Database &database, Clock clock, std::chrono::seconds interval = std::chrono::minutes{10},
            UnixMs keep_audit_ms = 0, Metrics *metrics = nullptr);
    ~Janitor();  // stops
    Janitor(const Janitor &) = delete;
    Janitor &operator=(const Janitor &) = delete;

    /// One round; also called by the thread. returns how many were deleted
    int64_t sweep();
    /// The same for audit rows.
    int64_t trim_audit();

private:
    int64_t sweep_all(Result<int64_t> (*one_batch)(store::Executor &, UnixMs, int64_t), UnixMs before);
    void run();
    store::Database &database_;
    Clock clock_;
    std::chrono::seconds interval_;
    UnixMs keep_audit_ms_;
    Metrics *metrics_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace nexus::control
