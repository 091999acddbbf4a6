// Writing L1. A writer fills the payload first and publishes last, so that one that dies half-way leaves
// garbage that nothing points to, or an odd sequence, which readers skip and the next writer takes over.
#include "ngx_module/cache/records.h"

#include <algorithm>
#include <cstring>

#include "ngx_module/cache/entry.h"
#include "ngx_module/metrics.h"

namespace nexus::edge::cache {
namespace {

constexpr uint32_t kMaxEvictions = 64;  // per store, before it gives up

void copy_in(u_char *to, std::string_view from) noexcept {
    auto *out = reinterpret_cast<uint64_t *>(to);
    for (size_t i = 0; i < words(from.size()); ++i) {
        uint64_t word = 0;
        const size_t begin = i * sizeof word;
        std::memcpy(&word, from.data() + begin, std::min(sizeof word, from.size() - begin));
        __atomic_store_n(out + i, word, __ATOMIC_RELAXED);
    }
}

bool is_odd(const Entry &entry) noexcept {
    return (entry.sequence.load(kRelaxed) & 1) != 0;
}

// Between these two the entry's members change; the slab mutex is held.
class Rewrite {
public:
    explicit Rewrite(Entry &entry) : entry_(entry) {
        entry.sequence.store(entry.sequence.load(kRelaxed) | 1, kRelaxed);
        std::atomic_thread_fence(std::memory_order_release);
    }
    ~Rewrite() { entry_.sequence.store(entry_.sequence.load(kRelaxed) + 1, std::memory_order_release); }
    Rewrite(const Rewrite &) = delete;
    Rewrite &operator=(const Rewrite &) = delete;

private:
    Entry &entry_;
};

// What goes first when room is needed: nothing, what is of no use, what says "not found", then the record
// that was used longest ago.
uint64_t worth(const Entry &entry, int64_t now) noexcept {
    constexpr uint64_t kRecord = uint64_t{1} << 63;
    if (is_odd(entry) || type_of(entry) == EntryType::kEmpty) {
        return 0;
    }
    if (type_of(entry) == EntryType::kTombstone) {
        return 1;
    }
    if (type_of(entry) == EntryType::kNotFound) {
        return 3 + entry.used_at.load(kRelaxed);
    }
    const int64_t expires_at = entry.expires_at.load(kRelaxed);
    return expires_at != 0 && expires_at <= now ? 2 : kRecord | entry.used_at.load(kRelaxed);
}

bool is_live_record(const Entry &entry) noexcept {
    return !is_odd(entry) && type_of(entry) == EntryType::kRecord &&
           (entry.expires_at.load(kRelaxed) == 0 || entry.expires_at.load(kRelaxed) > wall_ms());
}

}  // namespace

Entry *Records::find_locked(uint64_t hash, const Key &key) const noexcept {
    Entry *set = zone_.entry_set(hash);
    for (uint32_t way = 0; way < kWays; ++way) {
        if (!is_odd(set[way]) && type_of(set[way]) != EntryType::kEmpty && is_key(set[way], key)) {
            return &set[way];
        }
    }
    return nullptr;
}

// The key's own entry, or the one of its set that is worth least.
Entry *Records::place_locked(uint64_t hash, const Key &key) const noexcept {
    if (Entry *own = find_locked(hash, key)) {
        return own;
    }
    const int64_t now = wall_ms();
    Entry *set = zone_.entry_set(hash);
    Entry *least = &set[0];
    for (uint32_t way = 1; way < kWays; ++way) {
        if (worth(set[way], now) < worth(*least, now)) {
            least = &set[way];
        }
    }
    return least;
}

void Records::count_locked(int64_t records, int64_t bytes) noexcept {
    zone_.header().records.fetch_add(static_cast<uint64_t>(records), kRelaxed);
    zone_.header().record_bytes.fetch_add(static_cast<uint64_t>(bytes), kRelaxed);
}

// Empties an entry and frees its payload. That of a writer which died is left alone: nobody knows whose it
// is.
void Records::clear_locked(Entry &entry) noexcept {
    const bool abandoned = is_odd(entry);
    const uint64_t offset = entry.offset.load(kRelaxed);
    const uint32_t length = entry.length.load(kRelaxed);
    {
        Rewrite rewrite(entry);
        entry.type.store(static_cast<uint8_t>(EntryType::kEmpty), kRelaxed);
        entry.kind.store(0, kRelaxed);
        entry.key_high.store(0, kRelaxed);
        entry.key_low.store(0, kRelaxed);
        entry.length.store(0, kRelaxed);
        entry.offset.store(0, kRelaxed);
        entry.generation.store(0, kRelaxed);
        entry.needed_generation.store(0, kRelaxed);
        entry.recheck_at.store(0, kRelaxed);
    }
    entry.refresh_at.store(0, kRelaxed);
    entry.early_refresh_at.store(0, kRelaxed);
    if (!abandoned && offset != 0) {
        count_locked(-1, -int64_t{length});
        ngx_slab_free_locked(zone_.pool(), zone_.payload(offset));
    }
}

// Frees room by evicting the least worthy entry of one set after another.
void *Records::allocate_locked(size_t size) noexcept {
    const int64_t now = wall_ms();
    ZoneHeader &header = zone_.header();
    for (uint32_t evicted = 0;; ++evicted) {
        void *memory = ngx_slab_alloc_locked(zone_.pool(), size);
        if (memory != nullptr || evicted == kMaxEvictions) {
            return memory;
        }

        Entry *victim = nullptr;
        for (uint32_t tries = 0; victim == nullptr && tries < header.set_count; ++tries) {
            Entry *set = zone_.entry(header.sweep++ % header.set_count * kWays);
            for (uint32_t way = 0; way < kWays; ++way) {
                Entry &entry = set[way];
                if (!is_odd(entry) && entry.offset.load(kRelaxed) != 0 &&
                    (victim == nullptr || worth(entry, now) < worth(*victim, now))) {
                    victim = &entry;
                }
            }
        }
        if (victim == nullptr) {
            return nullptr;
        }
        clear_locked(*victim);
        metrics::count(metrics::Counter::kCacheEvictions);
    }
}

// false: nothing evictable was large enough
bool Records::write_locked(const Key &key, std::string_view sealed, const record::Header &header,
                           uint64_t needed_generation, uint64_t fetched_at) noexcept {
    void *memory = allocate_locked(words(sealed.size()) * sizeof(uint64_t));
    if (memory == nullptr) {
        return false;
    }
    copy_in(static_cast<u_char *>(memory), sealed);

    Entry *entry = place_locked(zone_.hash(key), key);
    if (type_of(*entry) != EntryType::kEmpty && !is_key(*entry, key)) {
        metrics::count(metrics::Counter::kCacheEvictions);
    }
    const uint64_t old_payload = is_odd(*entry) ? 0 : entry->offset.load(kRelaxed);
    const uint32_t old_length = entry->length.load(kRelaxed);
    if (!is_key(*entry, key) || entry->generation.load(kRelaxed) != header.generation) {
        entry->refresh_at.store(0, kRelaxed);
        entry->early_refresh_at.store(0, kRelaxed);
    }
    {
        Rewrite rewrite(*entry);
        entry->key_high.store(key.high, kRelaxed);
        entry->key_low.store(key.low, kRelaxed);
        entry->kind.store(static_cast<uint8_t>(key.kind), kRelaxed);
        entry->type.store(static_cast<uint8_t>(EntryType::kRecord), kRelaxed);
        entry->state.store(header.state, kRelaxed);
        entry->generation.store(header.generation, kRelaxed);
        entry->needed_generation.store(needed_generation, kRelaxed);
        entry->expires_at.store(header.expires_at, kRelaxed);
        entry->fetched_at.store(fetched_at, kRelaxed);
        entry->recheck_at.store(0, kRelaxed);
        entry->offset.store(zone_.offset_of(memory), kRelaxed);
        entry->length.store(static_cast<uint32_t>(sealed.size()), kRelaxed);
        entry->used_at.store(monotonic_ms(), kRelaxed);
    }
    if (old_payload != 0) {
        count_locked(-1, -int64_t{old_length});
        ngx_slab_free_locked(zone_.pool(), zone_.payload(old_payload));
    }
    count_locked(1, static_cast<int64_t>(sealed.size()));
    metrics::count(metrics::Counter::kCacheStores);
    return true;
}

Records::Stored Records::store(const Key &key, std::string_view sealed, const record::Header &header,
                               uint64_t fetched_at, const FlightRef &flight) noexcept {
    const uint64_t hash = zone_.hash(key);
    ZoneLock lock(zone_);

    // Under the same lock as the event's two steps (flight first, then entry): an event is seen here, or sees
    // us.
    if (flight.slot->serial.load() != flight.serial) {
        return Stored::kSkipped;
    }
    uint64_t needed_generation = flight.slot->needed_generation;
    if (const Entry *own = find_locked(hash, key)) {
        needed_generation = std::max(needed_generation, own->needed_generation.load(kRelaxed));
        if (own->generation.load(kRelaxed) > header.generation) {
            return Stored::kOlder;
        }
    }
    if (header.generation < needed_generation) {
        return Stored::kOlder;
    }

    return write_locked(key, sealed, header, needed_generation, fetched_at) ? Stored::kStored
                                                                            : Stored::kSkipped;
}

Records::Stored Records::store_not_found(const Key &key, uint64_t fetched_at,
                                         const FlightRef &flight) noexcept {
    const uint64_t hash = zone_.hash(key);
    ZoneLock lock(zone_);

    if (flight.slot->serial.load() != flight.serial) {
        return Stored::kSkipped;
    }
    if (flight.slot->needed_generation != 0) {
        return Stored::kOlder;  // an event came while it was asked for: it exists by now
    }
    if (const Entry *own = find_locked(hash, key);
        own != nullptr && own->fetched_at.load(kRelaxed) > fetched_at) {
        return Stored::kOlder;
    }

    // Whoever asks for things that do not exist must not push out what others use.
    Entry *entry = place_locked(hash, key);
    if (is_live_record(*entry) && !is_key(*entry, key)) {
        return Stored::kSkipped;
    }
    write_not_found_locked(*entry, key, fetched_at);
    return Stored::kStored;
}

void Records::write_not_found_locked(Entry &entry, const Key &key, uint64_t fetched_at) noexcept {
    clear_locked(entry);
    Rewrite rewrite(entry);
    entry.key_high.store(key.high, kRelaxed);
    entry.key_low.store(key.low, kRelaxed);
    entry.kind.store(static_cast<uint8_t>(key.kind), kRelaxed);
    entry.type.store(static_cast<uint8_t>(EntryType::kNotFound), kRelaxed);
    entry.expires_at.store(0, kRelaxed);
    entry.fetched_at.store(fetched_at, kRelaxed);
    entry.used_at.store(monotonic_ms(), kRelaxed);
}

void Records::invalidate(const Key &key, uint64_t generation) noexcept {
    const uint64_t hash = zone_.hash(key);
    ZoneLock lock(zone_);

    Entry *entry = find_locked(hash, key);
    if (entry == nullptr || generation <= entry->needed_generation.load(kRelaxed)) {
        return;
    }
    if (type_of(*entry) == EntryType::kRecord && entry->generation.load(kRelaxed) >= generation) {
        return;  // ours is that one, or newer
    }

    const uint64_t payload = entry->offset.load(kRelaxed);
    const uint32_t length = entry->length.load(kRelaxed);
    {
        Rewrite rewrite(*entry);
        entry->type.store(static_cast<uint8_t>(EntryType::kTombstone), kRelaxed);
        entry->needed_generation.store(generation, kRelaxed);
        entry->offset.store(0, kRelaxed);
        entry->length.store(0, kRelaxed);
    }
    if (payload != 0) {
        count_locked(-1, -int64_t{length});
        ngx_slab_free_locked(zone_.pool(), zone_.payload(payload));
    }
    metrics::count(metrics::Counter::kCacheInvalidations);
}

void Records::put_off_check(const Key &key, uint64_t until) noexcept {
    const uint64_t hash = zone_.hash(key);
    ZoneLock lock(zone_);
    if (Entry *entry = find_locked(hash, key)) {
        Rewrite rewrite(*entry);
        entry->recheck_at.store(until, kRelaxed);
    }
}

// Without the lock: a writer may be at it.
Entry *Records::find(const Key &key) const noexcept {
    Entry *set = zone_.entry_set(zone_.hash(key));
    for (uint32_t way = 0; way < kWays; ++way) {
        if (is_key(set[way], key)) {
            return &set[way];
        }
    }
    return nullptr;
}

bool Records::claim_early_refresh(const Key &key, uint64_t until) noexcept {
    Entry *entry = find(key);
    if (entry == nullptr) {
        return false;
    }
    uint64_t not_before = entry->early_refresh_at.load(kRelaxed);
    return not_before <= monotonic_ms() &&
           entry->early_refresh_at.compare_exchange_strong(not_before, until, kRelaxed);
}

void Records::put_off_refresh(const Key &key, uint64_t until) noexcept {
    if (Entry *entry = find(key)) {
        entry->refresh_at.store(until, kRelaxed);
    }
}

uint64_t Records::refresh_put_off_ms(const Key &key) const noexcept {
    const Entry *entry = find(key);
    const uint64_t until = entry == nullptr ? 0 : entry->refresh_at.load(kRelaxed);
    return until > monotonic_ms() ? until - monotonic_ms() : 0;
}

}  // namespace nexus::edge::cache
