// The bytes of the shared zone: what workers of this and of the previous configuration both read. Any change
// here changes kLayoutVersion, and a reload with another one is refused. No pointers: offsets from the zone's
// start.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

namespace nexus::edge::cache {

inline constexpr uint64_t kLayoutVersion = 0x4e455855533104ULL;  // "NEXUS1", layout 4
inline constexpr uint32_t kUnit = 16;                            // bytes; what offsets and sizes count in
inline constexpr uint64_t kMaxZoneBytes = uint64_t{kUnit} << 32;
inline constexpr uint32_t kSlots = 7;       // of one bucket
inline constexpr uint32_t kFlightWays = 8;  // flights of one set

enum class EntryType : uint8_t {
    kEmpty = 0,
    kRecord = 1,     // a sealed record follows the entry
    kNotFound = 2,   // the control plane does not know the id
    kTombstone = 3,  // an event said that there is something newer than what was here
};

/// A cache line of the index, a seqlock over its slots and over the entries that they refer to: `sequence` is
/// odd while a writer (holding the slab mutex) is at one of them. All words that readers may see, here and in
/// the arenas, are atomics, read and written relaxed, so that a torn view is a retry and not undefined.
struct alignas(64) Bucket {
    std::atomic<uint32_t> sequence;
    std::atomic<uint32_t> used;  // a bit for each slot: read since the hand came by. Outside of the seqlock
    std::atomic<uint64_t> slots[kSlots];  // tag << 32 | offset of the entry in units; 0: empty
};
static_assert(sizeof(Bucket) == 64);

inline constexpr uint32_t kFreeBlock = 0xffff'ffff;

/// Arenas are blocks, one after another.
struct Block {
    std::atomic<uint32_t> units;
    std::atomic<uint32_t> owner;  // number of the bucket that refers to it, or kFreeBlock
};

/// What a block that is not free begins with; a sealed record follows.
struct Entry : Block {
    std::atomic<uint64_t> key_high;
    std::atomic<uint64_t> key_low;
    std::atomic<uint64_t> serial;             // which bytes they are: never used twice in a zone. 0: none
    std::atomic<uint64_t> needed_generation;  // events: records below this one must not be used or stored
    std::atomic<uint64_t> fetched_at;         // monotonic ms: when the fetch that brought it was started
    std::atomic<uint64_t> recheck_at;         // monotonic ms: a failed check put the next one off until then
    std::atomic<uint64_t> refresh_at;         // monotonic ms: no forced refresh before; nexusd said so
    std::atomic<uint64_t> early_refresh_at;   // monotonic ms: not before; somebody is at it, or was in vain
    std::atomic<uint32_t> length;             // of the sealed record
    std::atomic<uint8_t> kind;                // record::Kind
    std::atomic<uint8_t> type;                // EntryType
    std::atomic<uint16_t> unused;
};
static_assert(sizeof(Entry) == 80 && sizeof(Entry) % kUnit == 0);

/// Written under the slab mutex.
struct ArenaState {
    uint32_t begin;  // in units, as all of these
    uint32_t end;
    std::atomic<uint32_t> hand;
    std::atomic<uint64_t> used_units;
};

/// The table of entries: an index, and arenas for what it refers to.
struct TableState {
    uint64_t buckets_offset;
    uint32_t bucket_count;
    ArenaState records;
    ArenaState marks;  // entries without a record: who asks for what does not exist gets no other memory
    std::atomic<uint64_t> next_serial;

    // What is there, for the metrics; written under the slab mutex.
    std::atomic<uint64_t> record_count;
    std::atomic<uint64_t> record_bytes;
};

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
    uint64_t flights_offset;
    uint32_t flight_set_count;  // power of two
    TableState table;

    alignas(64) std::atomic<uint64_t> lease_at;  // monotonic ms: the subscriber's last sign of life
    std::atomic<uint64_t> subscribed_at;  // monotonic ms: entries fetched before it may have missed events
};

static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<uint8_t>::is_always_lock_free);
static_assert(std::is_standard_layout_v<Bucket> && std::is_standard_layout_v<FlightSlot> &&
              std::is_standard_layout_v<ZoneHeader>);

}  // namespace nexus::edge::cache
