// The bytes of the shared zone: what workers of this and of the previous configuration both read. Any change
// here changes kLayoutVersion, and a reload with another one is refused. No pointers: offsets from the zone's
// start.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

namespace nexus::edge::cache {

inline constexpr uint64_t kLayoutVersion = 0x4e455855533103ULL;  // "NEXUS1", layout 3
inline constexpr uint32_t kWays = 8;                             // entries of one set; flights of one set

enum class EntryType : uint8_t {
    kEmpty = 0,
    kRecord = 1,     // payload holds a sealed record
    kNotFound = 2,   // the control plane does not know the id
    kTombstone = 3,  // an event said that there is something newer than what was here
};

/// One place of the table, a seqlock: `sequence` is odd while a writer (holding the slab mutex) is at it. All
/// members are atomics, read and written relaxed, so that a reader's torn view is a retry and not undefined.
struct alignas(64) Entry {
    std::atomic<uint32_t> sequence;
    std::atomic<uint32_t> length;  // of the sealed record
    std::atomic<uint64_t> key_high;
    std::atomic<uint64_t> key_low;
    std::atomic<uint8_t> kind;   // record::Kind
    std::atomic<uint8_t> type;   // EntryType
    std::atomic<uint8_t> state;  // of the record's header
    std::atomic<uint8_t> unused;
    std::atomic<uint32_t> unused2;
    std::atomic<uint64_t> generation;         // of the record
    std::atomic<uint64_t> needed_generation;  // events: records below this one must not be used or stored
    std::atomic<int64_t> expires_at;          // Unix ms; 0 = does not expire
    std::atomic<uint64_t> fetched_at;         // monotonic ms: when the fetch that brought it was started
    std::atomic<uint64_t> recheck_at;         // monotonic ms: a failed check put the next one off until then
    std::atomic<uint64_t> offset;             // of the payload, from the zone's start

    // outside of the seqlock
    std::atomic<uint64_t> used_at;           // monotonic ms, coarse
    std::atomic<uint64_t> refresh_at;        // monotonic ms: no forced refresh before; nexusd said so
    std::atomic<uint64_t> early_refresh_at;  // monotonic ms: not before; somebody is at it, or was in vain
};
static_assert(sizeof(Entry) == 128);

/// What a flight is for: flights of one key with different purposes do not join.
enum class Purpose : uint8_t {
    kRead = 0,
    kRefresh = 1,  // forced
    kEarly = 2,    // a refresh ahead of the token's end, for which nobody waits
};

/// By what a flight is known to other edges, whichever worker of this one carries it on.
struct FlightToken {
    uint64_t high = 0;
    uint64_t low = 0;
};

/// One fetch under way somewhere in this nginx. Read and written under the slab mutex, except `serial` and
/// `nudges`, which workers look at without it. `serial` is odd while the fetch runs, even when it has ended.
struct alignas(64) FlightSlot {
    std::atomic<uint64_t> serial;
    uint64_t key_high;
    uint64_t key_low;
    uint8_t kind;
    uint8_t purpose;  // Purpose

    // how it ended, for waiting workers
    uint8_t status;
    uint8_t source;
    uint8_t code;
    uint16_t owner_slot;
    uint32_t retry_after_s;
    uint64_t outcome_generation;

    uint64_t owner;              // wake::Identity of the worker that fetches
    uint64_t deadline;           // monotonic ms: from here on anybody may take it over
    uint64_t waiting;            // bit per worker slot
    uint64_t needed_generation;  // events that arrived while it ran
    FlightToken token;
    std::atomic<uint64_t> nudges;  // events that say: another edge has finished asking
};
static_assert(sizeof(FlightSlot) == 128);

/// A claimed or awaited flight, in the memory of one worker.
struct FlightRef {
    FlightSlot *slot = nullptr;
    uint64_t serial = 0;
    FlightToken token;  // also without a slot
};

// What the subscriber writes stays off the line that every lookup reads.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct ZoneHeader {
    uint64_t layout_version;
    uint64_t seed;  // of the hash
    uint64_t entries_offset;
    uint64_t flights_offset;
    uint32_t set_count;         // power of two
    uint32_t flight_set_count;  // power of two
    uint64_t sweep;             // where the next search for something to evict begins

    // What is there, for the metrics; written under the slab mutex.
    std::atomic<uint64_t> records;
    std::atomic<uint64_t> record_bytes;

    alignas(64) std::atomic<uint64_t> lease_at;  // monotonic ms: the subscriber's last sign of life
    std::atomic<uint64_t> subscribed_at;  // monotonic ms: entries fetched before it may have missed events
};

static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<uint8_t>::is_always_lock_free);
static_assert(std::is_standard_layout_v<Entry> && std::is_standard_layout_v<FlightSlot> &&
              std::is_standard_layout_v<ZoneHeader>);

}  // namespace nexus::edge::cache
