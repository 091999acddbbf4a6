// Lets work go at its time: see slot_queue.h.
#include "control_plane/refresh/slot_queue.h"

#include <algorithm>
#include <chrono>

namespace nexus::control {

namespace {

int64_t now_us() {
    using std::chrono::duration_cast, std::chrono::microseconds, std::chrono::steady_clock;
    return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

SlotQueue::~SlotQueue() {
    {
        const std::scoped_lock lock(mutex_);
        is_ending_ = true;
    }
    called_.notify_one();
    thread_.join();
}

void SlotQueue::put(const std::string &lane, int64_t delay_us, int64_t gap_us, std::function<void()> work) {
    {
        const std::scoped_lock lock(mutex_);
        items_.emplace(now_us() + delay_us, Item{lane, gap_us, std::move(work)});
    }
    called_.notify_one();
}

// A lane that ran empty a moment ago is not idle: its next work may come before the gap is over.
void SlotQueue::forget_idle_lanes() {
    const int64_t now = now_us();
    std::erase_if(lanes_,
                  [now](const auto &lane) { return lane.second.last_us + lane.second.gap_us <= now; });
}

void SlotQueue::run() noexcept {
    std::unique_lock lock(mutex_);
    while (!is_ending_ || !items_.empty()) {
        if (items_.empty()) {
            forget_idle_lanes();
            called_.wait(lock, [this] { return is_ending_ || !items_.empty(); });
            continue;
        }
        const auto first = items_.begin();
        Lane &lane = lanes_[first->second.lane];
        const int64_t gap = first->second.gap_us;
        const int64_t now = now_us();
        const int64_t at = std::max(first->first, std::min(lane.last_us, now) + gap);
        if (at > now && !is_ending_) {
            if (at > first->first) {  // others may be due before it now
                auto moved = items_.extract(first);
                moved.key() = at;
                items_.insert(std::move(moved));
                continue;
            }
            called_.wait_for(lock, std::chrono::microseconds(at - now));
            continue;
        }
        lane = {now, gap};
        const std::function<void()> work = std::move(first->second.work);
        items_.erase(first);
        lock.unlock();
        work();
        lock.lock();
    }
}

}  // namespace nexus::control
