// One fetch of one record by this worker: claim it among all workers, ask Redis, then the control plane, put
// the record into L1, and answer every lookup that waits for it. When and from where it is driven is
// fetches.h.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "ngx_module/cache/flights.h"
#include "ngx_module/cache/records.h"
#include "ngx_module/control_plane.h"
#include "ngx_module/lookup.h"
#include "ngx_module/redis/client.h"

namespace nexus::edge {

class Fetches;
class Fetch;

/// A lookup that waits; lookup.cpp's own, in the request's pool.
struct Waiter {
    ngx_queue_t link;  // in a fetch's queue, or in that of finished lookups
    Lookup *lookup = nullptr;
    Fetch *fetch = nullptr;  // nullptr: not in a fetch's queue
    bool linked = false;
    uint8_t restarts = 0;
};

struct FetchKey {
    cache::Key key;
    bool refresh = false;

    bool operator==(const FetchKey &) const = default;
};

class Fetch {
public:
    static constexpr int kMaxAttempts = 3;        // when events overtake what was fetched
    static constexpr int kDefaultRetryAfter = 2;  // seconds, when nobody said

    Fetch(Fetches &fetches, const FetchKey &key, const Lookup &first, cache::Freshness known);
    ~Fetch();
    Fetch(const Fetch &) = delete;
    Fetch &operator=(const Fetch &) = delete;

    const FetchKey &key() const { return key_; }
    bool is_over() const { return stage_ == Stage::kOver; }
    bool is_awaiting() const { return stage_ == Stage::kAwaiting; }

    void add(Waiter &waiter) noexcept;
    /// The waiter's request goes. If the control plane was being asked on its behalf, another one takes over.
    void remove(Waiter &waiter) noexcept;

    /// Claims the flight and asks, or begins to wait for another worker.
    void begin() noexcept;
    /// From the event loop's own stack: asks the control plane in the request of one of the waiters.
    void step() noexcept;
    /// Awaiting: has the other worker finished, or died (asked only if `thorough`)?
    void look_again(bool thorough) noexcept;
    /// The worker leaves: others may take over.
    void abandon() noexcept;

    struct Result {
        LookupStatus status = LookupStatus::kUnavailable;
        TokenSource source = TokenSource::kNone;
        std::string_view error_code;
        int retry_after_s = 0;
    };

private:
    enum class Stage : uint8_t { kNew, kRedis, kControlPlane, kAwaiting, kOver };

    void claim(const cache::FlightRef &orphan) noexcept;
    void ask_redis() noexcept;
    void on_redis(const redis::Answer &answer) noexcept;
    void on_answer(const ControlPlaneAnswer &answer) noexcept;
    void on_record_answer(const ControlPlaneAnswer &answer) noexcept;
    void on_not_found() noexcept;
    void on_older_than_known() noexcept;
    void go_to_control_plane() noexcept;

    enum class Accepted : uint8_t { kYes, kExpired, kOlder, kBroken };
    Accepted accept(std::string_view sealed);
    Result result_for(Waiter &waiter, const Result &result) noexcept;

    bool is_old_news(const Waiter &waiter, const Result &result, bool was_awaiting) const noexcept;

    void finish(const Result &result) noexcept;
    void release_flight(const cache::Outcome &outcome) noexcept;
    void finish_awaited(const cache::Outcome &outcome) noexcept;
    void end() noexcept;

    Fetches &fetches_;
    const FetchKey key_;
    const std::string id_;
    const std::string redis_key_;
    const uint64_t refresh_above_generation_;
    const cache::Freshness known_;  // what L1 had when it was begun

    Stage stage_ = Stage::kNew;
    ngx_queue_t waiters_;
    cache::FlightRef flight_;
    bool owner_ = false;  // of flight_; false as well if the table was full
    uint64_t started_at_ = 0;
    int attempts_ = 0;

    redis::Command command_;
    ControlPlaneCall *call_ = nullptr;
    Waiter *asker_ = nullptr;  // in whose request call_ runs

    std::string sealed_;  // the accepted record
    record::Header header_{};
};

}  // namespace nexus::edge

template <>
struct std::hash<nexus::edge::FetchKey> {
    size_t operator()(const nexus::edge::FetchKey &key) const noexcept {
        return nexus::edge::cache::mix(key.key, key.refresh ? 1 : 0);
    }
};
