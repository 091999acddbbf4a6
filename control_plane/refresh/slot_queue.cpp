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

void SlotQueue::run() noexcept {
    std::unique_lock lock(mutex_);
    while (!is_ending_ || !items_.empty()) {
        if (items_.empty()) {
            last_us_.clear();
            called_.wait(lock, [this] { return is_ending_ || !items_.empty(); });
            continue;
        }
        const auto first = items_.begin();
        int64_t &last = last_us_[first->second.lane];
        const int64_t now = now_us();
        const int64_t at =
            std::max(first->first, std::min(last + first->second.gap_us, now + first->second.gap_us));
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
        last = now;
        const std::function<void()> work = std::move(first->second.work);
        items_.erase(first);
        lock.unlock();
        work();
        lock.lock();
    }
}

}  // namespace nexus::control
