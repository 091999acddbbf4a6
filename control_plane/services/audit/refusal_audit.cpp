// Refusals of strangers in the audit log: see refusal_audit.h.
#include "control_plane/services/audit/refusal_audit.h"

#include <utility>

#include "control_plane/metrics/metrics.h"

namespace nexus::control {

RefusalAudit::~RefusalAudit() {
    push_suppressed(suppressed_);
}

void RefusalAudit::note(audit::Event event) {
    const UnixMs now = clock_();
    const std::string what = event.type + '\n' + event.ip_address + '\n' + event.data;
    int64_t finished = 0;
    bool is_written = false;
    {
        const std::scoped_lock lock(mutex_);
        if (now >= window_ends_at_) {
            finished = std::exchange(suppressed_, 0);
            seen_.clear();
            window_ends_at_ = now + kWindowMs;
        }
        is_written = seen_.size() < kPerWindow && seen_.insert(what).second;
        suppressed_ += is_written ? 0 : 1;
    }
    push_suppressed(finished);
    if (is_written) {
        audit_.push(std::move(event));
    } else if (metrics_ != nullptr) {
        metrics_->audit_suppressed();
    }
}

void RefusalAudit::push_suppressed(int64_t count) {
    if (count == 0) {
        return;
    }
    audit::Event event;
    event.type = audit::kAccessRefused;
    event.actor = "system";
    event.data = R"({"suppressed":)" + std::to_string(count) + "}";
    audit_.push(std::move(event));
}

}  // namespace nexus::control
