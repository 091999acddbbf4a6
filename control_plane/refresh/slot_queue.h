// Lets work go at its time, and never faster than the time between two slots allows: after a stall of this
// process nothing is caught up, because the provider would see it as a burst.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace nexus::control {

class SlotQueue {
public:
    SlotQueue() : thread_([this] { run(); }) {}
    ~SlotQueue();  // lets everything go at once, then ends
    SlotQueue(const SlotQueue &) = delete;
    SlotQueue &operator=(const SlotQueue &) = delete;

    /// lane      works of one lane keep their distance
    /// delay_us  from now, by a steady clock; microseconds
    /// gap_us    the least time since the lane's last work went
    void put(const std::string &lane, int64_t delay_us, int64_t gap_us, std::function<void()> work);

private:
    struct Item {
        std::string lane;
        int64_t gap_us;
        std::function<void()> work;
    };
    struct Lane {
        int64_t last_us = 0;  // when its last work went
        int64_t gap_us = 0;   // of that work
    };
    void run() noexcept;
    void forget_idle_lanes();

    std::mutex mutex_;
    std::condition_variable called_;
    std::multimap<int64_t, Item> items_;
    std::map<std::string, Lane> lanes_;
    bool is_ending_ = false;
    std::thread thread_;
};

}  // namespace nexus::control
