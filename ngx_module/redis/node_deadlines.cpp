// What a node does about replies that do not come: one timer for the whole queue, and the breaker. All
// commands have the same time-out, so that the queue is in the order of deadlines as well, but for the few
// that are sent again.
#include <utility>

#include "ngx_module/metrics/metrics.h"
#include "ngx_module/redis/node.h"

namespace nexus::edge::redis {
namespace {

constexpr ngx_msec_t kStallMs = 1000;  // the head overdue by this much: the connection is given up

}  // namespace

bool Node::is_due(ngx_msec_t deadline) const noexcept {
    return static_cast<ngx_msec_int_t>(ngx_current_msec - deadline) >= 0;
}

// The timer is armed for the first deadline that has not passed, or else for giving the connection up.
void Node::arm_deadline() noexcept {
    deadline_timer_.set_cancelable(live_ == 0);
    if (queue_.empty()) {
        deadline_timer_.disarm();
        return;
    }
    const size_t next = expire_number_ - head_number_;
    ngx_msec_t at = next < queue_.size() ? queue_[next].deadline : queue_.front().deadline + kStallMs;
    if (!deadline_timer_.is_armed() || next + 1 == queue_.size() || out_of_order_) {
        for (size_t i = next; out_of_order_ && i < queue_.size(); ++i) {
            if (queue_[i].owner != nullptr && static_cast<ngx_msec_int_t>(queue_[i].deadline - at) < 0) {
                at = queue_[i].deadline;
            }
        }
        const auto ms = static_cast<ngx_msec_int_t>(at - ngx_current_msec);
        deadline_timer_.arm(ms > 0 ? static_cast<ngx_msec_t>(ms) : 1);
    }
}

void Node::on_deadline() noexcept {
    if (!queue_.empty() && is_due(queue_.front().deadline + kStallMs)) {
        connection_.give_up("has stalled");
        on_closed();
        return;
    }

    // A callback may send and cancel, so that places are counted from the head each time.
    bool opens = false;
    for (uint64_t number = expire_number_; number - head_number_ < queue_.size(); ++number) {
        Pending &pending = queue_[number - head_number_];
        if (!is_due(pending.deadline)) {
            if (!out_of_order_) {
                break;
            }
            continue;
        }
        if (number == expire_number_) {
            ++expire_number_;
        }
        if (pending.owner != nullptr) {
            metrics::count(metrics::Counter::kRedisTimeouts);
            opens = breaker_.on_timeout() || opens;
            Pending expired = std::exchange(pending, Pending{nullptr, pending.deadline, pending.is_probe});
            answer(expired, {});
        }
    }
    if (opens) {
        open_breaker();
    }
    arm_deadline();
}

void Node::open_breaker() noexcept {
    breaker_.open();
    metrics::count(metrics::Counter::kRedisBreakerOpened);
    if (!in_doubt_) {
        ngx_log_error(NGX_LOG_WARN, log_, 0,
                      "nexus: Redis %s is too slow: it is not asked until it answers in time again",
                      conf_.name.c_str());
    }
    probe_timer_.arm(breaker_.pause_ms());
}

}  // namespace nexus::edge::redis
