// One lock, one queue: a handler costs far more than either.
#include "control_plane/server/worker_pool.h"

namespace nexus::control {

WorkerPool::WorkerPool(unsigned threads, unsigned queue_limit) : queue_limit_(queue_limit) {
    for (unsigned i = 0; i < threads; ++i) {
        threads_.emplace_back([this] { work(); });
    }
}

WorkerPool::~WorkerPool() {
    {
        const std::scoped_lock lock(mutex_);
        is_ending_ = true;
    }
    ready_.notify_all();
    for (std::thread &thread : threads_) {
        thread.join();
    }
}

bool WorkerPool::submit(std::function<void()> job) {
    {
        const std::scoped_lock lock(mutex_);
        if (is_ending_ || queue_.size() >= queue_limit_) {
            return false;
        }
        queue_.push_back(std::move(job));
    }
    ready_.notify_one();
    return true;
}

void WorkerPool::work() noexcept {
    while (true) {
        std::function<void()> job;
        {
            std::unique_lock lock(mutex_);
            ready_.wait(lock, [this] { return is_ending_ || !queue_.empty(); });
            if (queue_.empty()) {
                return;
            }
            job = std::move(queue_.front());
            queue_.pop_front();
        }
        job();
    }
}

}  // namespace nexus::control
