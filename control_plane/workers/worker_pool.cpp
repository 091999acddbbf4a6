// One lock, one queue: a handler costs far more than either.
#include "control_plane/workers/worker_pool.h"

#include <utility>

namespace nexus::control {

namespace {

thread_local WorkerPool *working_for = nullptr;  // null also while waiting elsewhere

}  // namespace

WorkerPool::WorkerPool(const WorkerPoolSizes &sizes) : sizes_(sizes) {
    idle_.reserve(sizes_.threads);  // so that nothing allocates in `work`
    for (unsigned i = 0; i < sizes_.threads; ++i) {
        threads_.emplace_back([this] { work(); });
    }
}

WorkerPool::~WorkerPool() {
    {
        const std::scoped_lock lock(mutex_);
        is_ending_ = true;
        for (Idler *idler : idle_) {
            idler->called.notify_one();
        }
    }
    for (std::thread &thread : threads_) {
        thread.join();
    }
}

bool WorkerPool::submit(std::function<void()> job) {
    const std::scoped_lock lock(mutex_);
    if (is_ending_ || queue_.size() >= sizes_.queue_limit) {
        return false;
    }
    queue_.push_back(std::move(job));
    call_one();  // if as many as may are at work, whoever ends its job takes this one
    return true;
}

/// under the lock
void WorkerPool::call_one() noexcept {
    if (has_work() && !idle_.empty()) {
        Idler &idler = *idle_.back();
        idle_.pop_back();
        idler.is_called = true;
        idler.called.notify_one();
    }
}

void WorkerPool::wait_for_call(std::unique_lock<std::mutex> &lock, Idler &self) {
    self.is_called = false;
    idle_.push_back(&self);
    self.called.wait(lock, [&] { return self.is_called || is_ending_; });
    if (!self.is_called) {
        std::erase(idle_, &self);
    }
}

void WorkerPool::work() noexcept {
    Idler self;
    std::unique_lock lock(mutex_);
    while (true) {
        while (!has_work()) {
            if (is_ending_) {
                return;
            }
            wait_for_call(lock, self);
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
    if (pool_ != nullptr) {
        const std::scoped_lock lock(pool_->mutex_);
        --pool_->at_work_;
        pool_->call_one();
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
