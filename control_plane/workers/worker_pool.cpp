// One lock, one queue: a handler costs far more than either.
#include "control_plane/workers/worker_pool.h"

#include <utility>

namespace nexus::control {

namespace {

thread_local WorkerPool *working_for = nullptr;  // null also while waiting elsewhere

}  // namespace

WorkerPool::WorkerPool(const WorkerPoolSizes &sizes) : sizes_(sizes) {
    for (unsigned i = 0; i < sizes_.threads; ++i) {
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
    bool is_anyone_needed = false;
    {
        const std::scoped_lock lock(mutex_);
        if (is_ending_ || queue_.size() >= sizes_.queue_limit) {
            return false;
        }
        queue_.push_back(std::move(job));
        is_anyone_needed = may_begin();  // else whoever ends its job takes this one
    }
    if (is_anyone_needed) {
        ready_.notify_one();
    }
    return true;
}

void WorkerPool::work() noexcept {
    std::unique_lock lock(mutex_);
    while (true) {
        ready_.wait(lock, [this] { return is_ending_ || (!queue_.empty() && may_begin()); });
        if (queue_.empty()) {
            return;
        }
        std::function<void()> job = std::move(queue_.front());
        queue_.pop_front();
        ++at_work_;
        lock.unlock();
        working_for = this;
        job();
        working_for = nullptr;
        job = nullptr;  // what it holds goes outside the lock
        lock.lock();
        --at_work_;
    }
}

WaitingElsewhere::WaitingElsewhere() noexcept : pool_(std::exchange(working_for, nullptr)) {
    if (pool_ == nullptr) {
        return;
    }
    bool is_anyone_needed = false;
    {
        const std::scoped_lock lock(pool_->mutex_);
        --pool_->at_work_;
        is_anyone_needed = !pool_->queue_.empty() && pool_->may_begin();
    }
    if (is_anyone_needed) {
        pool_->ready_.notify_one();
    }
}

WaitingElsewhere::~WaitingElsewhere() {
    if (pool_ != nullptr) {
        const std::scoped_lock lock(pool_->mutex_);
        ++pool_->at_work_;
        working_for = pool_;
    }
}

}  // namespace nexus::control
