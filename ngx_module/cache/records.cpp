// Writing L1: what may be stored, and what an event outdates. How it is stored is the table's.
#include "ngx_module/cache/records.h"

#include <algorithm>

#include "ngx_module/cache/entry.h"
#include "ngx_module/metrics/metrics.h"

namespace nexus::edge::cache {
namespace {

/// 0: it holds no record.
uint64_t generation_of(std::string_view sealed) noexcept {
    const auto header = record::parse_header(sealed);
    return header ? header->generation : 0;
}

/// What an event demands holds for as long as a revoke may take to be noticed without events. Later, a
/// control plane that knows of nothing newer is right: its database may have been restored from a backup.
bool is_recent(const Entry &tombstone) noexcept {
    constexpr uint64_t kDemandMs = 30 * 1000;
    return monotonic_ms() - tombstone.fetched_at.load(kRelaxed) < kDemandMs;
}

/// Not if the table had no place for it, nor if another worker has taken it over.
bool is_under_way(const FlightRef &flight) noexcept {
    return flight.slot != nullptr && flight.slot->serial.load() == flight.serial;
}

}  // namespace

bool Records::put_locked(uint64_t hash, const Key &key, std::string_view sealed, const record::Header &header,
                         uint64_t needed_generation, uint64_t fetched_at) noexcept {
    Table::NewRecord record{sealed, needed_generation, fetched_at};
    if (const Entry *own = table_.find(hash, key);
        own != nullptr && generation_of(table_.sealed_of(*own)) == header.generation) {
        record.refresh_at = own->refresh_at.load(kRelaxed);
        record.early_refresh_at = own->early_refresh_at.load(kRelaxed);
    }
    const Table::Put put = table_.put(hash, key, record);
    if (put.evicted != 0) {
        metrics::count(metrics::Counter::kCacheEvictions, put.evicted);
    }
    if (put.is_stored) {
        metrics::count(metrics::Counter::kCacheStores);
    }
    return put.is_stored;
}

Records::Stored Records::store(const Key &key, std::string_view sealed, const record::Header &header,
                               uint64_t fetched_at, const FlightRef &flight) noexcept {
    const uint64_t hash = zone_.hash(key);
    ZoneLock lock(zone_);

    // Under the same lock as the event's two steps (flight first, then entry): an event is seen here, or sees
    // us.
    const bool may_store = is_under_way(flight);
    uint64_t needed_generation = may_store ? flight.slot->needed_generation : 0;
    if (const Entry *own = table_.find(hash, key)) {
        if (type_of(*own) != EntryType::kTombstone || is_recent(*own)) {
            needed_generation = std::max(needed_generation, own->needed_generation.load(kRelaxed));
        }
        if (generation_of(table_.sealed_of(*own)) > header.generation) {
            return Stored::kOlder;
        }
    }
    if (header.generation < needed_generation) {
        return Stored::kOlder;
    }

    return may_store && put_locked(hash, key, sealed, header, needed_generation, fetched_at)
               ? Stored::kStored
               : Stored::kSkipped;
}

Records::Stored Records::store_not_found(const Key &key, uint64_t fetched_at,
                                         const FlightRef &flight) noexcept {
    const uint64_t hash = zone_.hash(key);
    ZoneLock lock(zone_);

    const bool may_store = is_under_way(flight);
    if (may_store && flight.slot->needed_generation != 0) {
        return Stored::kOlder;  // an event came while it was asked for: it exists by now
    }
    if (const Entry *own = table_.find(hash, key); own != nullptr && type_of(*own) != EntryType::kNotFound &&
                                                   own->fetched_at.load(kRelaxed) > fetched_at) {
        return Stored::kOlder;
    }
    return may_store && table_.put_not_found(hash, key, fetched_at) ? Stored::kStored : Stored::kSkipped;
}

void Records::invalidate(const Key &key, uint64_t generation) noexcept {
    const uint64_t hash = zone_.hash(key);
    ZoneLock lock(zone_);

    Entry *entry = table_.find(hash, key);
    if (entry == nullptr || generation <= entry->needed_generation.load(kRelaxed) ||
        generation_of(table_.sealed_of(*entry)) >= generation) {
        return;  // ours is that one, or newer
    }
    table_.outdate(*entry, generation, monotonic_ms());
    metrics::count(metrics::Counter::kCacheInvalidations);
}

void Records::put_off_check(const Key &key, uint64_t until) noexcept {
    const uint64_t hash = zone_.hash(key);
    ZoneLock lock(zone_);
    if (Entry *entry = table_.find(hash, key)) {
        table_.put_off_check(*entry, until);
    }
}

bool Records::claim_early_refresh(const Key &key, uint64_t until) noexcept {
    const uint64_t hash = zone_.hash(key);
    const uint64_t now = monotonic_ms();
    EntryView seen;
    if (!table_.read(hash, key, nullptr, 0, seen) || seen.early_refresh_at > now) {
        return false;
    }
    ZoneLock lock(zone_);
    Entry *entry = table_.find(hash, key);
    if (entry == nullptr || entry->early_refresh_at.load(kRelaxed) > now) {
        return false;
    }
    entry->early_refresh_at.store(until, kRelaxed);
    return true;
}

void Records::put_off_refresh(const Key &key, uint64_t until) noexcept {
    const uint64_t hash = zone_.hash(key);
    ZoneLock lock(zone_);
    if (Entry *entry = table_.find(hash, key)) {
        entry->refresh_at.store(until, kRelaxed);
    }
}

uint64_t Records::refresh_put_off_ms(const Key &key) const noexcept {
    EntryView seen;
    const bool is_there = table_.read(zone_.hash(key), key, nullptr, 0, seen);
    const uint64_t now = monotonic_ms();
    return is_there && seen.refresh_at > now ? seen.refresh_at - now : 0;
}

}  // namespace nexus::edge::cache
