// The shared memory of one limit: a table of arrival times (shared/ratelimit/arrival_table.h) as large as the
// zone, the secret that keys are hashed with, and counters. Kept over reloads; over a binary upgrade and a
// change of the zone's size, what keys still owe is copied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ngx_module/ngx/ngx.h"
#include "shared/ratelimit/arrival_table.h"
#include "shared/ratelimit/lease_table.h"

namespace nexus::edge::limits {

/// What is counted of a zone.
enum class Tally : uint8_t {
    kAllowed,
    kDelayed,
    kRejected,
    kDryRunDelayed,   // would have been
    kDryRunRejected,  // would have been
    kUnreadable,      // let through: its rate or burst is none
    kForgotten,       // keys that still owed something, for want of room
    kRedisCalls,      // global limits: questions to Redis
    kWithoutRedis,    // global limits: requests that on_error decided
    kCount_,
};

struct MemoryHeader;  // memory.cpp: what the zone begins with

/// Placed in the pool of a configuration, it is valid once the cycle runs.
class Memory {
public:
    static constexpr size_t kLeastBytes = size_t{32} * 1024;
    /// Of the zones that nobody configures: room for 65,000 keys.
    static constexpr size_t kUsualBytes = size_t{1088} * 1024;

    /// Adds the zone to the configuration. with_leases: half of it is a table of leases
    /// returns nullptr: out of memory, or the name is taken
    static Memory *add(ngx_conf_t *cf, std::string_view name, size_t bytes,
                       bool with_leases = false) noexcept;

    /// salt  keys of limits that share the zone, or of the zone as it was configured before, are not the same
    uint64_t hash(std::string_view key, uint64_t salt) const noexcept;
    ratelimit::ArrivalTable table() const noexcept;

    /// For zones in which nearly always nobody owes anything: while that is so, `look_for_debt` hashes no key
    /// and looks for none. All charges of such a zone are made by `charge_debt`.
    ratelimit::Decision look_for_debt(std::string_view key, uint64_t salt,
                                      const ratelimit::Limit &limit) const noexcept;
    ratelimit::Decision charge_debt(std::string_view key, uint64_t salt, const ratelimit::Limit &limit,
                                    int64_t cost = 1) noexcept;

    ratelimit::LeaseTable leases() const noexcept;

    /// The next part of the leases to be looked through for those that have ended; empty: it is not yet time,
    /// or another worker does it.
    std::span<ratelimit::LeaseSlot> begin_sweep(ratelimit::Micros now, ratelimit::Micros period,
                                                size_t slots) noexcept;

    void count(Tally tally) noexcept;
    uint64_t sum(Tally tally) const noexcept;

private:
    static ngx_int_t on_init(ngx_shm_zone_t *zone, void *old) noexcept;
    void take_over(const ngx_shm_zone_t &zone) noexcept;

    MemoryHeader *header_ = nullptr;
    bool with_leases_ = false;
};

/// The clock of all limits of this host, in microseconds: CLOCK_MONOTONIC, not that of the event loop's turn,
/// which would let at most one request of a key through in a millisecond where the burst is 0.
ratelimit::Micros now() noexcept;

}  // namespace nexus::edge::limits
