// A bounded pool of sessions: waits for a free one no longer than told, and in turn; drops those that died
// while idle.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "control_plane/store/session.h"

namespace nexus::control {
class Metrics;
}

namespace nexus::control::store {

class Pool {
public:
    using Factory = std::function<Result<std::unique_ptr<Session>>()>;

    Pool(Factory factory, unsigned size, std::chrono::milliseconds wait, Metrics *metrics = nullptr);

    /// A session on loan; goes back when destroyed, unless its connection is lost.
    class Lease {
    public:
        Lease(Pool &pool, std::unique_ptr<Session> session) : pool_(&pool), session_(std::move(session)) {}
        Lease(Lease &&other) noexcept = default;
        Lease &operator=(Lease &&) = delete;
        ~Lease();

        Session &operator*() const { return *session_; }
        Session *operator->() const { return session_.get(); }

    private:
        Pool *pool_;
        std::unique_ptr<Session> session_;
    };

    /// errors kStoreUnavailable: none came free in time, or a new one could not be opened
    Result<Lease> acquire();

private:
    struct Waiter {
        std::condition_variable woken;
        bool is_next = false;  // what came free is kept for it
    };

    bool wait_for_room(std::unique_lock<std::mutex> &lock);
    bool has_room() const noexcept { return idle_.size() + size_ - open_ > kept_; }
    void wake_next() noexcept;
    Lease lend(std::unique_ptr<Session> session);
    std::unique_ptr<Session> take_idle();
    void give_back(std::unique_ptr<Session> session) noexcept;

    const Factory factory_;
    const unsigned size_;
    const std::chrono::milliseconds wait_;
    Metrics *const metrics_;
    std::mutex mutex_;
    std::deque<Waiter *> waiters_;                // longest wait first
    unsigned kept_ = 0;                           // places that belong to waiters who were woken
    std::vector<std::unique_ptr<Session>> idle_;  // most recently used last
    unsigned open_ = 0;                           // idle, on loan or being opened
};

}  // namespace nexus::control::store
