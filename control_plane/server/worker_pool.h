// Threads that run handlers, with a bounded queue in front: what does not fit is refused at once.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace nexus::control {

class WorkerPool {
public:
    WorkerPool(unsigned threads, unsigned queue_limit);
    ~WorkerPool();  // runs what is queued, then joins
    WorkerPool(const WorkerPool &) = delete;
    WorkerPool &operator=(const WorkerPool &) = delete;

    /// returns false, and drops the job, if the queue is full or the pool is ending. Jobs must not throw.
    bool submit(std::function<void()> job);

private:
    void work() noexcept;

    const size_t queue_limit_;
    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<std::function<void()>> queue_;
    bool is_ending_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace nexus::control
