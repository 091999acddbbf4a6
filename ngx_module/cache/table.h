// The table of entries: an index of cache lines, in which each key has two buckets to be in, and arenas for
// the entries themselves (decision 0051). Reading takes no lock; writing is done under one, which is the
// caller's. Knows nothing of nginx, of time, nor of what a record says.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "ngx_module/cache/arena.h"
#include "ngx_module/cache/key.h"
#include "ngx_module/cache/layout.h"

namespace nexus::edge::cache {

/// A consistent copy of an entry.
struct EntryView {
    Key key;
    EntryType type = EntryType::kEmpty;
    uint64_t serial = 0;
    uint64_t needed_generation = 0;
    uint64_t fetched_at = 0;
    uint64_t recheck_at = 0;
    uint64_t refresh_at = 0;
    uint64_t early_refresh_at = 0;
    std::span<char> sealed;  // of a record, unless it is the one that the reader has
    bool is_kept = false;    // it is that one

    Bucket *bucket = nullptr;
    uint32_t slot = 0;
};

/// Where the copies of sealed records lie: aligned for words, as long as the reader likes.
class CopySpace {
public:
    /// nullptr: there is none
    virtual void *allocate(size_t bytes) noexcept = 0;

protected:
    ~CopySpace() = default;
};

class Table {
public:
    /// `base`, `size`: the shared memory that offsets count in
    Table(unsigned char *base, uint64_t size, TableState &state)
        : base_(base),
          size_(size),
          state_(&state),
          records_(base, state.records),
          marks_(base, state.marks) {}

    /// Makes an empty table of `bytes` bytes at `offset`, a multiple of 64. `first_serial` should be another
    /// one each time. false: too small
    static bool format(unsigned char *base, uint64_t offset, uint64_t bytes, uint64_t first_serial,
                       TableState &state) noexcept;
    /// Could this be the state of a table within `size` bytes?
    static bool is_plausible(const TableState &state, uint64_t size) noexcept;

    // Without a lock.

    /// `hash`: a well mixed one of the key. `kept`: the serial of a record that need not be copied, or 0.
    /// `space`: nullptr if no record is wanted. false: not there, or writers were at it all the time
    bool read(uint64_t hash, const Key &key, CopySpace *space, uint64_t kept, EntryView &out) const noexcept;
    /// The same for a place of the index, whatever is there.
    bool read_slot(uint64_t index, CopySpace *space, EntryView &out) const noexcept;
    uint64_t slot_count() const noexcept { return uint64_t{state_->bucket_count} * kSlots; }

    /// It is in use: others go first.
    static void mark_used(const EntryView &view) noexcept {
        const uint32_t bit = 1U << view.slot;
        if ((view.bucket->used.load(std::memory_order_relaxed) & bit) == 0) {
            view.bucket->used.fetch_or(bit, std::memory_order_relaxed);
        }
    }

    uint64_t record_count() const noexcept { return state_->record_count.load(std::memory_order_relaxed); }
    uint64_t record_bytes() const noexcept { return state_->record_bytes.load(std::memory_order_relaxed); }
    uint64_t free_bytes() const noexcept { return records_.free_bytes() + marks_.free_bytes(); }

    // Under the lock. What `find` returns is good until the next `put` or `put_not_found`.

    Entry *find(uint64_t hash, const Key &key) noexcept;
    /// Empty: it has no record.
    std::string_view sealed_of(const Entry &entry) const noexcept;

    struct NewRecord {
        std::string_view sealed;
        uint64_t needed_generation = 0;
        uint64_t fetched_at = 0;
        uint64_t refresh_at = 0;
        uint64_t early_refresh_at = 0;
    };
    struct Put {
        bool is_stored = false;
        uint32_t evicted = 0;  // records that had to go
    };
    Put put(uint64_t hash, const Key &key, const NewRecord &record) noexcept;
    /// false: others' records would have to go
    bool put_not_found(uint64_t hash, const Key &key, uint64_t fetched_at) noexcept;
    /// Makes a tombstone of it; now: monotonic ms, its fetched_at.
    void outdate(Entry &entry, uint64_t needed_generation, uint64_t now) noexcept;
    void put_off_check(Entry &entry, uint64_t until) noexcept;

    /// Empties it.
    void clear() noexcept;

    const Arena &records_arena() const noexcept { return records_; }
    const Arena &marks_arena() const noexcept { return marks_; }

private:
    class Residents;
    struct Place {
        Bucket *bucket = nullptr;
        uint32_t slot = 0;
    };
    enum class Look : uint8_t { kFound, kAbsent, kChanged };

    // In the reader's half.
    Look look(Bucket &bucket, uint32_t first, uint32_t last, const uint64_t *hash, const Key *key,
              CopySpace *space, uint64_t kept, EntryView &out) const noexcept;
    bool read_bucket(Bucket &bucket, uint32_t first, uint32_t last, const uint64_t *hash, const Key *key,
                     CopySpace *space, uint64_t kept, EntryView &out) const noexcept;

    Bucket *buckets() const noexcept { return reinterpret_cast<Bucket *>(base_ + state_->buckets_offset); }
    Bucket &first_bucket(uint64_t hash) const noexcept {
        return buckets()[(hash & 0xffff'ffff) * state_->bucket_count >> 32];
    }
    Bucket &second_bucket(uint64_t hash) const noexcept {
        return buckets()[(hash * 0x9e37'79b9'7f4a'7c15ULL >> 32) * state_->bucket_count >> 32];
    }
    /// nullptr: no offset of an entry
    Entry *entry_at(uint64_t slot) const noexcept {
        const uint64_t offset = (slot & 0xffff'ffff) * kUnit;
        return offset != 0 && offset <= size_ - sizeof(Entry) ? reinterpret_cast<Entry *>(base_ + offset)
                                                              : nullptr;
    }

    Arena &arena_of(const Entry &entry) noexcept { return marks_.contains(entry) ? marks_ : records_; }
    Bucket &bucket_of(const Entry &entry) noexcept;
    void repair(Bucket &bucket) noexcept;
    uint32_t slot_of(const Bucket &bucket, const Entry &entry) const noexcept;
    Place place_of(uint64_t hash, const Key &key, bool is_record) noexcept;
    uint32_t worth(const Place &place) const noexcept;
    void publish(const Place &place, uint64_t hash, Entry &entry) noexcept;
    void drop(const Place &place) noexcept;
    void release(Entry &entry) noexcept;
    void uncount(uint32_t length) noexcept;

    unsigned char *base_;
    uint64_t size_;
    TableState *state_;
    Arena records_;
    Arena marks_;
};

}  // namespace nexus::edge::cache
