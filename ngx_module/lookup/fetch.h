// One fetch of one record by this worker: claim it among all workers, ask Redis, take the turn among all
// edges, ask the control plane, put the record into L1, and answer every lookup that waits for it. When and
// from where it is driven is fetches.h.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "ngx_module/cache/flights.h"
#include "ngx_module/cache/records.h"
#include "ngx_module/control_plane/control_plane.h"
#include "ngx_module/lookup/ask_turn.h"
#include "ngx_module/lookup/lookup.h"
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
    cache::Purpose purpose = cache::Purpose::kRead;

    bool operator==(const FetchKey &) const = default;
};

/// What is wanted, and how it can be had.
struct FetchOrder {
    std::string_view id;
    uint64_t refresh_above_generation = 0;             // kRefresh
    cache::Freshness known = cache::Freshness::kMiss;  // what L1 has
    ngx_http_core_srv_conf_t *server = nullptr;        // whose control plane is asked
};

class Fetch {
public:
    static constexpr int kMaxAttempts = 3;        // when events overtake what was fetched
    static constexpr int kDefaultRetryAfter = 2;  // seconds, when nobody said

    Fetch(Fetches &fetches, const FetchKey &key, const FetchOrder &order);
    ~Fetch();
    Fetch(const Fetch &) = delete;
    Fetch &operator=(const Fetch &) = delete;

    const FetchKey &key() const { return key_; }
    bool is_over() const { return stage_ == Stage::kOver; }
    bool is_awaiting() const { return stage_ == Stage::kAwaiting || stage_ == Stage::kAnothersTurn; }

    void add(Waiter &waiter) noexcept;
    /// The waiter's request goes. What is being asked goes on: the answer is good for the next one.
    void remove(Waiter &waiter) noexcept;

    /// Claims the flight and asks, or begins to wait for another worker.
    void begin() noexcept;
    /// From the event loop's own stack: asks the control plane.
    void step() noexcept;
    /// Awaiting: has the other worker or edge finished? `thorough`: or has it died?
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
    enum class Stage : uint8_t {
        kNew,
        kRedis,         // does it have the record?
        kTurn,          // is it our turn to ask, and does it have the record by now?
        kAnothersTurn,  // another edge asks
        kControlPlane,
        kAwaiting,  // another worker of this nginx is at it
        kOver,
    };

    void claim(const cache::FlightRef &orphan) noexcept;
    bool take_from_l1() noexcept;
    void ask_redis() noexcept;
    void ask_for_turn() noexcept;
    void after_turn() noexcept;
    bool send_get() noexcept;
    void on_redis(const redis::Answer &answer) noexcept;
    bool is_news() const noexcept;
    void let_others_go_on() noexcept;
    void put_off_check(ngx_msec_t ms) noexcept;
    ngx_http_request_t *first_request() const noexcept;  // of those who wait; nullptr: none does
    std::string_view request_id() const noexcept;
    void on_answer(const ControlPlaneAnswer &answer) noexcept;
    void put_off_refresh(const ControlPlaneAnswer &answer) noexcept;
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
    ngx_http_core_srv_conf_t *const server_;
    const ControlPlaneConf *const control_plane_;  // nullptr: none

    Stage stage_ = Stage::kNew;
    ngx_queue_t waiters_;
    cache::FlightRef flight_;
    bool owner_ = false;  // of flight_; false as well if the table was full
    uint64_t started_at_ = 0;
    int attempts_ = 0;

    redis::Command command_;
    AskTurn turn_;
    uint64_t nudges_ = 0;         // of the flight, when the turn was asked for
    uint64_t ask_anyway_at_ = 0;  // monotonic ms: another edge has had its time; 0 = not waited for yet
    ControlPlaneCall *call_ = nullptr;

    std::string sealed_;  // the accepted record
    record::Header header_{};
};

}  // namespace nexus::edge

template <>
struct std::hash<nexus::edge::FetchKey> {
    size_t operator()(const nexus::edge::FetchKey &key) const noexcept {
        return nexus::edge::cache::mix(key.key, static_cast<uint64_t>(key.purpose));
    }
};
