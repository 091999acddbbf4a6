// Refusals of strangers in the audit log: keys, addresses, states, ids that are wrong. Anybody can cause
// them, so they are bounded: one row for the same thing from the same address in a minute, so many rows a
// minute in all, and one row that counts the rest (reference D32).
#pragma once

#include <mutex>
#include <set>
#include <string>

#include "control_plane/services/audit/audit_queue.h"

namespace nexus::control {

class RefusalAudit {
public:
    static constexpr UnixMs kWindowMs = 60'000;
    static constexpr size_t kPerWindow = 60;

    RefusalAudit(AuditQueue &audit, Clock clock, Metrics *metrics)
        : audit_(audit), clock_(std::move(clock)), metrics_(metrics) {}
    ~RefusalAudit();  // writes the count that is left
    RefusalAudit(const RefusalAudit &) = delete;
    RefusalAudit &operator=(const RefusalAudit &) = delete;

    void note(audit::Event event);

private:
    void push_suppressed(int64_t count);

    AuditQueue &audit_;
    Clock clock_;
    Metrics *metrics_;
    std::mutex mutex_;
    UnixMs window_ends_at_ = 0;
    std::set<std::string> seen_;
    int64_t suppressed_ = 0;
};

}  // namespace nexus::control
