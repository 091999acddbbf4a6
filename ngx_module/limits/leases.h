// Global limits in one worker: requests spend what this nginx has leased of a key (shared/ratelimit/
// lease_table.h), and wait together where Redis has to be asked (shared/redis/take_units.h). What a request
// does when Redis cannot be asked is round.cpp's business.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ngx_module/limits/conf.h"
#include "ngx_module/ngx/event.h"
#include "ngx_module/redis/client.h"
#include "shared/ratelimit/lease_table.h"

namespace nexus::edge {

struct MainConf;

namespace limits {

enum class Verdict : uint8_t {
    kAllowed,
    kRejected,
    kUnavailable,  // Redis cannot be asked
    kWaiting,      // the waiter is told
};

struct Outcome {
    Verdict verdict = Verdict::kUnavailable;
    ratelimit::Decision decision;  // kAllowed, kRejected
};

struct Flight;  // a question that is under way; leases.cpp

/// A request that waits for Redis. Belongs to the caller, who must take it out (leave) before it goes.
struct Waiter {
    void (*on_done)(Waiter *waiter) noexcept = nullptr;  // `outcome` is there
    void *data = nullptr;
    Outcome outcome;

    // of the Leases
    int64_t cost = 0;
    Flight *flight = nullptr;  // nullptr: not waiting
    Waiter *next = nullptr;
    Waiter *previous = nullptr;
};

/// What is counted: one key of a zone.
struct Counted {
    const Zone *zone;
    std::string_view key;
    uint64_t hash;  // of the key, in the zone
    ratelimit::Limit limit;
};

class Leases {
public:
    /// redis: outlives this
    Leases(const MainConf &conf, redis::Client &redis, ngx_log_t *log);
    ~Leases();
    Leases(const Leases &) = delete;
    Leases &operator=(const Leases &) = delete;

    /// Begins to look for leases that have ended.
    void start() noexcept;

    Outcome ask(const Counted &counted, int64_t cost, Waiter &waiter) noexcept;
    void leave(Waiter &waiter) noexcept;
    /// Gives back what an allowed request was charged; to Redis where nothing is leased.
    void give_back(const Counted &counted, int64_t cost) noexcept;

private:
    friend struct Flight;
    using Flights = std::unordered_map<uint64_t, std::unique_ptr<Flight>>;

    Outcome ask_slot(const Counted &counted, int64_t cost, Waiter &waiter);
    Outcome ask_redis(const Counted &counted, int64_t cost, Waiter &waiter, ratelimit::LeaseSlot *slot,
                      const ratelimit::LeaseTerms &terms);
    void ask_ahead(const Counted &counted, const ratelimit::LeaseTerms &terms, ratelimit::LeaseSlot &slot,
                   int64_t units);
    Flight *take_off(std::unique_ptr<Flight> flight);
    void on_reply(Flight &flight, const redis::Answer &answer);
    void settle(Flight &flight, int64_t taken, ratelimit::Micros wait, ratelimit::Micros owed);
    void ask_again(Flight &flight, const std::vector<Waiter *> &waiters, ratelimit::LeaseSlot *slot);
    void send_back(const Zone &zone, const std::string &redis_key, const ratelimit::Limit &limit,
                   int64_t units);
    void sweep() noexcept;
    void sweep(const Zone &zone);

    const MainConf &conf_;
    redis::Client &redis_;
    ngx_log_t *log_;
    const std::string sha1_;
    Flights joined_;  // by hash
    Flights exact_;   // by a number of their own
    uint64_t last_number_ = 0;
    Event sweep_timer_;
};

}  // namespace limits
}  // namespace nexus::edge
