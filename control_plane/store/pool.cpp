// Sessions are opened and closed outside the lock: a slow server must not stop those who have a session
// already.
#include "control_plane/store/pool.h"

#include "control_plane/metrics/metrics.h"

namespace nexus::control::store {

Pool::Pool(Factory factory, unsigned size, std::chrono::milliseconds wait, Metrics *metrics)
    : factory_(std::move(factory)), size_(size), wait_(wait), metrics_(metrics) {
    if (metrics_ != nullptr) {
        metrics_->store_pool_size(size);
    }
}

Pool::Lease::~Lease() {
    if (session_) {
        pool_->give_back(std::move(session_));
    }
}

std::unique_ptr<Session> Pool::take_idle() {
    std::unique_ptr<Session> session = std::move(idle_.back());
    idle_.pop_back();
    return session;
}

// Whoever came first gets what comes free: without turns, a thread that gives a session back and asks again
// at once overtakes the sleepers, whose wait then has no bound but luck.
bool Pool::wait_for_room(std::unique_lock<std::mutex> &lock) {
    if (has_room()) {
        return true;
    }
    if (metrics_ != nullptr) {
        metrics_->store_pool_waiting(1);
    }
    Waiter waiter;
    waiters_.push_back(&waiter);
    waiter.woken.wait_for(lock, wait_, [&] { return waiter.is_next; });
    if (waiter.is_next) {
        --kept_;
    } else {
        std::erase(waiters_, &waiter);
    }
    if (metrics_ != nullptr) {
        metrics_->store_pool_waiting(-1);
    }
    return waiter.is_next;
}

/// under the lock, when a place came free
void Pool::wake_next() noexcept {
    if (!waiters_.empty() && has_room()) {
        Waiter &waiter = *waiters_.front();
        waiters_.pop_front();
        waiter.is_next = true;
        ++kept_;
        waiter.woken.notify_one();  // under the lock: it may be gone once that is free
    }
}

Pool::Lease Pool::lend(std::unique_ptr<Session> session) {
    if (metrics_ != nullptr) {
        metrics_->store_pool_in_use(1);
    }
    return Lease(*this, std::move(session));
}

Result<Pool::Lease> Pool::acquire() {
    std::unique_lock lock(mutex_);
    if (!wait_for_room(lock)) {
        return fail(Error{Errc::kStoreUnavailable, "every database connection is in use", {}, 1});
    }

    while (!idle_.empty()) {
        std::unique_ptr<Session> session = take_idle();
        if (session->is_alive()) {
            return lend(std::move(session));
        }
        --open_;
    }

    ++open_;
    lock.unlock();
    Result<std::unique_ptr<Session>> opened = factory_();
    if (!opened) {
        lock.lock();
        --open_;
        wake_next();
        return fail(opened.error());
    }
    return lend(std::move(*opened));
}

void Pool::give_back(std::unique_ptr<Session> session) noexcept {
    const bool is_good = session->last_failure() != Failure::kLost;
    session->forget_failure();
    if (metrics_ != nullptr) {
        metrics_->store_pool_in_use(-1);
    }
    {
        const std::scoped_lock lock(mutex_);
        if (is_good) {
            idle_.push_back(std::move(session));  // never beyond size_, for which it has room
        } else {
            --open_;
        }
        wake_next();
    }
    // A lost session is closed here, by `session`'s destructor.
}

}  // namespace nexus::control::store
