// Threads that run handlers, with a bounded queue in front: what does not fit is refused at once. Only so
// many handlers work at a time as the machine and the database have use for; those that wait for somebody
// else (a provider, another's refresh) say so with a WaitingElsewhere and are not counted, so that a provider
// that hangs does not keep everyone else's requests waiting.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace nexus::control {

struct WorkerPoolSizes {
    unsigned threads = 16;       // jobs begun at once, with those that wait
    unsigned at_work = 8;        // of these, that do not wait
    unsigned queue_limit = 256;  // jobs not begun
};

class WorkerPool {
public:
    explicit WorkerPool(const WorkerPoolSizes &sizes);
    ~WorkerPool();  // runs what is queued, then joins
    WorkerPool(const WorkerPool &) = delete;
    WorkerPool &operator=(const WorkerPool &) = delete;

    /// returns false, and drops the job, if the queue is full or the pool is ending. Jobs must not throw.
    bool submit(std::function<void()> job);

private:
    friend class WaitingElsewhere;

    struct Idler {
        std::condition_variable called;
        bool is_called = false;
    };

    void work() noexcept;
    bool has_work() const noexcept { return !queue_.empty() && (at_work_ < sizes_.at_work || is_ending_); }
    void wait_for_call(std::unique_lock<std::mutex> &lock, Idler &self);
    void call_one() noexcept;

    const WorkerPoolSizes sizes_;
    std::mutex mutex_;
    std::deque<std::function<void()>> queue_;
    std::vector<Idler *> idle_;  // who became so last is called first: its stack and heap are warm
    unsigned at_work_ = 0;
    bool is_ending_ = false;
    std::vector<std::thread> threads_;
};

/// While one lives, its thread is not at work. Nests; nothing on a thread that is no pool's. Whoever has
/// waited goes on at once, even above `at_work`: it may hold what others need.
class WaitingElsewhere {
public:
    WaitingElsewhere() noexcept;
    ~WaitingElsewhere();
    WaitingElsewhere(const WaitingElsewhere &) = delete;
    WaitingElsewhere &operator=(const WaitingElsewhere &) = delete;

private:
    WorkerPool *const pool_;
};

}  // namespace nexus::control
