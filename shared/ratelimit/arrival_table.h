// Theoretical arrival times of many keys, in memory that processes share: sets of eight slots, changed by
// compare-and-swap, without a lock. A key without a slot is as good as new. A new key takes the slot of its set
// that has least left to wait for: an empty one, one whose time has passed, or, in a full table, the one that is
// forgotten at the least cost. Writers that meet while a slot changes hands may forget a charge; they never
// charge one key for another's requests.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "shared/ratelimit/gcra.h"

namespace nexus::ratelimit {

class ArrivalTable {
public:
    static constexpr size_t kWays = 8;

    /// Begins as zeros. Tags in one cache line, what they stand for in the next.
    struct alignas(64) Set {
        std::array<std::atomic<uint64_t>, kWays> tags;   // hashes of keys; 0 = empty
        std::array<std::atomic<uint64_t>, kWays> words;  // some bits of the tag again, and the arrival time
    };
    static_assert(sizeof(Set) == 128 && std::atomic<uint64_t>::is_always_lock_free);

    struct Charge {
        Decision decision;
        bool has_forgotten = false;  // a key that was still owing, to make room
    };

    /// sets  at least one, less than 2^32; they outlive this, which is as cheap to copy as a span
    explicit ArrivalTable(std::span<Set> sets) noexcept : sets_(sets) {}

    /// hash  of the key, by a hash that whoever chooses keys cannot foresee
    /// now   from a clock that all processes share
    Charge charge(uint64_t hash, const Limit &limit, Micros now, int64_t cost = 1) noexcept;

    /// The same decision, without a charge.
    Decision look(uint64_t hash, const Limit &limit, Micros now, int64_t cost) const noexcept;

    /// Takes a charge back.
    void give_back(uint64_t hash, const Limit &limit, int64_t cost) noexcept;

    /// Copies the keys that still owe something; before anybody else uses this table. `old` may be in use, and
    /// of another size.
    void adopt(const ArrivalTable &old, Micros now) noexcept;

private:
    std::span<Set> sets_;
};

}  // namespace nexus::ratelimit
