// What one edge has leased of limits that edges share: for each key, units that may be spent without asking,
// or the news that there are none until some time. In memory that processes share, without a lock, as
// arrival_table.h; nothing in here talks to anybody.
//
// A slot holds units until they are spent or their time is over; who finds neither units nor news must ask.
// That a slot is lost to another key costs its units, which nobody spends then: never too many.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "shared/ratelimit/gcra.h"

namespace nexus::ratelimit {

/// How a lease of a limit is measured out.
struct LeaseTerms {
    int64_t max_units = 1;  // that an edge may have at once, beside those for requests that wait for them
    Micros period = 0;      // in which they are expected to be spent
    Micros lifetime = 0;    // after which they go back
    Micros pause = 0;       // between two questions for a key that is over its limit

    /// lease  the time of the limit's rate that an edge may take ahead: no more than the burst, which is what
    /// a
    ///        key may have at once
    static LeaseTerms of(const Limit &limit, Micros lease) noexcept;
};

/// One key's. Times are microseconds of the clock that the caller uses throughout.
class alignas(64) LeaseSlot {
public:
    enum class Outcome : uint8_t { kTaken, kOver, kUnknown };
    struct Take {
        Outcome outcome = Outcome::kUnknown;
        int64_t units = 0;     // that are left
        Micros until = 0;      // kOver: nobody need ask before
        bool is_over = false;  // kTaken: there are no more until their time is over
    };

    uint64_t tag() const noexcept { return tag_.load(std::memory_order_relaxed); }

    /// Spends `cost` units, if they are there; 0 spends none, but one has to be.
    Take take(uint64_t tag, int64_t cost, Micros now) noexcept;
    int64_t units(uint64_t tag, Micros now) const noexcept;

    /// Adds units. is_over: there are no more; nobody need ask until then, which ends these units, too
    void put(uint64_t tag, int64_t units, Micros until, bool is_over, Micros now) noexcept;
    /// Adds units that were taken from here, unless what they were taken from has ended.
    void give_back(uint64_t tag, int64_t units, Micros now) noexcept;
    /// Takes out what is left of units whose time is over.
    int64_t withdraw(uint64_t tag, Micros now) noexcept;

    /// One process at a time asks for more than it needs at once. returns false: another does
    bool begin_to_ask(Micros now, Micros until) noexcept;
    void end_to_ask() noexcept { asking_until_.store(0, std::memory_order_relaxed); }

    /// Requests that came, whatever became of them.
    void note_demand(int64_t cost) noexcept;
    /// How many more are worth asking for: what may come in two periods, at first not much more than has
    /// come.
    int64_t expected(const LeaseTerms &terms, Micros now) noexcept;

    /// What is owed at Redis, as of its last answer.
    Micros arrival() const noexcept { return arrival_.load(std::memory_order_relaxed); }
    void set_arrival(Micros time) noexcept { arrival_.store(time, std::memory_order_relaxed); }

    /// By what the key is known to the other edges: to be read together with tag(), before and after.
    uint64_t id_high() const noexcept { return id_high_.load(std::memory_order_relaxed); }
    uint64_t id_low() const noexcept { return id_low_.load(std::memory_order_relaxed); }
    void set_id(uint64_t high, uint64_t low) noexcept {
        id_high_.store(high, std::memory_order_relaxed);
        id_low_.store(low, std::memory_order_relaxed);
    }

private:
    friend class LeaseTable;
    bool claim(uint64_t tag, Micros now) noexcept;
    uint64_t ends_at() const noexcept;

    std::atomic<uint64_t> tag_;         // 0 = empty
    std::atomic<uint64_t> state_;       // lease_table.cpp
    std::atomic<Micros> asking_until_;  // a question is under way; 0 = none
    std::atomic<uint64_t> demand_;      // lease_table.cpp
    std::atomic<Micros> arrival_;
    std::atomic<uint64_t> id_high_;
    std::atomic<uint64_t> id_low_;
};
static_assert(sizeof(LeaseSlot) == 64);

class LeaseTable {
public:
    static constexpr size_t kWays = 4;

    /// slots  zeros at first; at least kWays, less than 2^32; they outlive this
    explicit LeaseTable(std::span<LeaseSlot> slots) noexcept : slots_(slots) {}

    static uint64_t tag_of(uint64_t hash) noexcept { return hash != 0 ? hash : 1; }

    /// nullptr: the key has none
    LeaseSlot *find(uint64_t tag) const noexcept;
    /// Its slot, or that of whoever's time is over first. nullptr: others are at it as well
    LeaseSlot *find_or_claim(uint64_t tag, Micros now) noexcept;

    std::span<LeaseSlot> slots() const noexcept { return slots_; }

private:
    std::span<LeaseSlot> set_of(uint64_t tag) const noexcept;

    std::span<LeaseSlot> slots_;
};

}  // namespace nexus::ratelimit
