// The table of fetches under way, in the shared zone: one fetch per key for all workers. A worker claims a
// key, or learns that another one is at it and is woken when that one has finished. What is fetched, and how,
// is lookup/lookup.cpp's business.
#pragma once

#include <cstdint>
#include <optional>

#include "ngx_module/cache/wake.h"
#include "ngx_module/cache/zone.h"

namespace nexus::edge::cache {

/// How a fetch ended, for the workers that waited: numbers of LookupStatus, TokenSource, RefusalCode.
struct Outcome {
    bool abandoned = false;  // nobody knows: fetch it yourself
    uint8_t status = 0;
    uint8_t source = 0;
    uint8_t code = 0;
    uint32_t retry_after_s = 0;
    uint64_t generation = 0;
};

class Flights {
public:
    explicit Flights(const CacheConf &conf);

    enum class Claim : uint8_t {
        kOwner,    // fetch it, then call `finish`
        kWaiting,  // another worker fetches it; this one will be woken
        kFull,     // no place in the table: fetch it without others knowing, and do not store the result
    };

    /// `deadline` (monotonic ms): from then on, others may take the flight over. `orphan`: a flight that the
    /// caller has found orphaned and wants to take over now.
    Claim claim(const Key &key, Purpose purpose, uint64_t deadline, FlightRef &ref,
                const FlightRef &orphan = {}) noexcept;

    /// The owner has a result, or gives up. Wakes the waiting workers. Does nothing if somebody took it over.
    void finish(const FlightRef &ref, const Outcome &outcome) noexcept;

    /// Is the awaited flight still under way, by a living owner within its time? No lock.
    static bool is_running(const FlightRef &ref) noexcept {
        return ref.slot->serial.load(std::memory_order_acquire) == ref.serial;
    }
    /// Has the owner died, or overrun its deadline? Asks the kernel: for timers, not for every request.
    bool is_orphaned(const FlightRef &ref) const noexcept;

    /// How an awaited flight ended. nullopt: its place has been used again, or it was taken over.
    std::optional<Outcome> outcome(const FlightRef &ref) const noexcept;

    /// An event: running fetches of this key must bring at least `generation`; 0: no news of the record.
    /// Either way, whoever waits for another edge looks again.
    void on_event(const Key &key, uint64_t generation) noexcept;

    /// How many events a flight has seen; it only grows. No lock.
    static uint64_t nudges(const FlightRef &ref) noexcept {
        return ref.slot == nullptr ? 0 : ref.slot->nudges.load(std::memory_order_acquire);
    }

private:
    static bool is_running_locked(const FlightSlot &slot) { return (slot.serial.load() & 1) != 0; }
    void take_locked(FlightSlot &slot, uint64_t deadline, FlightRef &ref) noexcept;
    FlightToken next_token() noexcept;

    Zone zone_;
    FlightToken last_token_;  // of this worker: random, then counted up
};

}  // namespace nexus::edge::cache
