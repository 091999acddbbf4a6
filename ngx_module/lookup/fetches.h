// The fetches of this worker, and the turns of the event loop in which they go on. Requests are only ever
// resumed from the posted event here: never from within a Redis reply, another request's clean-up or a
// subrequest's end.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "ngx_module/lookup/fetch.h"
#include "ngx_module/ngx/event.h"
#include "shared/crypto/keyring.h"

namespace nexus::edge {

/// What fetches work with; outlives them.
struct FetchTools {
    const MainConf &conf;
    cache::Records &records;
    cache::Flights &flights;
    redis::Client *redis;  // nullptr: none configured
    const crypto::Keyring &keyring;
    ngx_log_t *log;
};

class Fetches {
public:
    explicit Fetches(const FetchTools &tools) noexcept;
    ~Fetches();

    const FetchTools &tools() const { return tools_; }

    /// Joins the fetch of that key, or begins one. `known`: what L1 had. false: out of memory
    bool join(Waiter &waiter, const FetchKey &key, cache::Freshness known) noexcept;
    /// The waiter's request goes: its lookup is not answered any more.
    void leave(Waiter &waiter) noexcept;
    /// Begins a refresh for which nobody waits, unless one is under way.
    void refresh_early(const cache::Key &key, const FetchOrder &order) noexcept;

    // for Fetch
    void post_step(Fetch &fetch) noexcept;    // Fetch::step, soon
    void post_done(Waiter &waiter) noexcept;  // Lookup::done, soon; the outcome is filled in
    void forget(Fetch &fetch) noexcept;       // it is over; freed later
    void watch_awaited() noexcept;            // keeps looking at what other workers fetch

    /// Another worker has finished something.
    void on_wake() noexcept;
    /// The worker leaves.
    void abandon_all() noexcept;

private:
    Fetch &make(const FetchKey &key, const FetchOrder &order);
    void on_turn() noexcept;
    void on_watch() noexcept;
    void look_at_awaited(bool thorough) noexcept;

    FetchTools tools_;
    std::unordered_map<FetchKey, std::unique_ptr<Fetch>> fetches_;
    std::vector<std::unique_ptr<Fetch>> over_;
    std::vector<Fetch *> steps_;
    ngx_queue_t done_;
    Event turn_;
    Event watch_timer_;
};

}  // namespace nexus::edge
