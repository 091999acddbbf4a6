// Sessions are opened and closed outside the lock: a slow server must not stop those who have a session
// already.
#include "control_plane/store/pool.h"

namespace nexus::control::store {

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

Result<Pool::Lease> Pool::acquire() {
    std::unique_lock lock(mutex_);
    const auto is_possible = [this] { return !idle_.empty() || open_ < size_; };
    if (!freed_.wait_for(lock, wait_, is_possible)) {
        return fail(Error{Errc::kStoreUnavailable, "every database connection is in use", {}, 1});
    }

    while (!idle_.empty()) {
        std::unique_ptr<Session> session = take_idle();
        if (session->is_alive()) {
            return Lease(*this, std::move(session));
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
    return Lease(*this, std::move(*opened));
}

void Pool::give_back(std::unique_ptr<Session> session) noexcept {
    const bool is_good = session->last_failure() != Failure::kLost;
    session->forget_failure();
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
