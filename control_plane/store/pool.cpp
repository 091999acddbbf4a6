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

bool Pool::wait_for_room(std::unique_lock<std::mutex> &lock) {
    const auto is_possible = [this] { return !idle_.empty() || open_ < size_; };
    if (is_possible()) {
        return true;
    }
    if (metrics_ != nullptr) {
        metrics_->store_pool_waiting(1);
    }
    const bool is_free = freed_.wait_for(lock, wait_, is_possible);
    if (metrics_ != nullptr) {
        metrics_->store_pool_waiting(-1);
    }
    return is_free;
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
        freed_.notify_one();
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
    }
    freed_.notify_one();
    // A lost session is closed here, by `session`'s destructor.
}

}  // namespace nexus::control::store
