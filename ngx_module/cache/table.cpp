// Writing the table. An entry is filled while its block is still a free one, then taken, then published: a
// writer that dies half-way leaves a free block, or one that nobody refers to, or an odd sequence, which
// readers skip and the next writer clears away.
#include "ngx_module/cache/table.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "ngx_module/cache/entry.h"
#include "shared/record/envelope.h"

namespace nexus::edge::cache {
namespace {

constexpr uint64_t kBytesPerSlot = 448;    // of the table: the smallest entries are about as large
constexpr uint64_t kBytesPerMark = 16384;  // of the table
constexpr uint32_t kAmple = 3;             // free slots: no need to look into the other bucket

void copy_in(Entry &entry, std::string_view from) noexcept {
    auto *out = reinterpret_cast<uint64_t *>(&entry + 1);
    const size_t whole = from.size() / sizeof(uint64_t);
    uint64_t word = 0;
    for (size_t i = 0; i < whole; ++i) {
        std::memcpy(&word, from.data() + i * sizeof word, sizeof word);
        __atomic_store_n(out + i, word, __ATOMIC_RELAXED);
    }
    if (const size_t rest = from.size() % sizeof word; rest != 0) {
        word = 0;
        std::memcpy(&word, from.data() + whole * sizeof word, rest);
        __atomic_store_n(out + whole, word, __ATOMIC_RELAXED);
    }
}

// Between these two a bucket's slots or the entries that they refer to change.
class Rewrite {
public:
    explicit Rewrite(Bucket &bucket) : bucket_(bucket) {
        bucket.sequence.store(bucket.sequence.load(kRelaxed) | 1, kRelaxed);
        std::atomic_thread_fence(std::memory_order_release);
    }
    ~Rewrite() { bucket_.sequence.store(bucket_.sequence.load(kRelaxed) + 1, std::memory_order_release); }
    Rewrite(const Rewrite &) = delete;
    Rewrite &operator=(const Rewrite &) = delete;

private:
    Bucket &bucket_;
};

uint32_t empty_slots(const Bucket &bucket) noexcept {
    uint32_t count = 0;
    for (const auto &slot : bucket.slots) {
        count += slot.load(kRelaxed) == 0 ? 1 : 0;
    }
    return count;
}

uint32_t length_of(const Entry &entry) noexcept {
    return type_of(entry) == EntryType::kRecord ? entry.length.load(kRelaxed) : 0;
}

void fill(Entry &entry, const Key &key, EntryType type, const Table::NewRecord &record,
          uint64_t serial) noexcept {
    entry.key_high.store(key.high, kRelaxed);
    entry.key_low.store(key.low, kRelaxed);
    entry.kind.store(static_cast<uint8_t>(key.kind), kRelaxed);
    entry.type.store(static_cast<uint8_t>(type), kRelaxed);
    entry.serial.store(serial, kRelaxed);
    entry.needed_generation.store(record.needed_generation, kRelaxed);
    entry.fetched_at.store(record.fetched_at, kRelaxed);
    entry.recheck_at.store(0, kRelaxed);
    entry.refresh_at.store(record.refresh_at, kRelaxed);
    entry.early_refresh_at.store(record.early_refresh_at, kRelaxed);
    entry.length.store(static_cast<uint32_t>(record.sealed.size()), kRelaxed);
    copy_in(entry, record.sealed);
}

}  // namespace

// Those who live in the arenas.
class Table::Residents final : public Arena::Tenants {
public:
    Residents(Table &table, bool are_records) : table_(table), are_records_(are_records) {}

    bool may_go(Block &block, bool insist) noexcept override {
        const Entry &entry = static_cast<Entry &>(block);
        if (!are_records_ || insist || entry.owner.load(kRelaxed) >= table_.state_->bucket_count) {
            return true;
        }
        Bucket &bucket = table_.bucket_of(entry);
        const uint32_t slot = table_.slot_of(bucket, entry);
        if (slot == kSlots || type_of(entry) != EntryType::kRecord) {
            return true;
        }
        const uint32_t bit = 1U << slot;
        return (bucket.used.fetch_and(~bit, kRelaxed) & bit) == 0;
    }

    void evict(Block &block) noexcept override {
        auto &entry = static_cast<Entry &>(block);
        if (entry.owner.load(kRelaxed) < table_.state_->bucket_count) {
            Bucket &bucket = table_.bucket_of(entry);
            const uint32_t slot = table_.slot_of(bucket, entry);
            if (slot != kSlots) {
                evicted_ += type_of(entry) == EntryType::kRecord ? 1 : 0;
                table_.drop({&bucket, slot});
                return;
            }
        }
        table_.release(entry);
    }

    void on_damage() noexcept override { table_.clear(); }

    uint32_t evicted() const noexcept { return evicted_; }

private:
    Table &table_;
    bool are_records_;
    uint32_t evicted_ = 0;
};

bool Table::format(unsigned char *base, uint64_t offset, uint64_t bytes, uint64_t first_serial,
                   TableState &state) noexcept {
    const uint64_t bucket_count = bytes / kBytesPerSlot / kSlots;
    const uint64_t bucket_bytes = bucket_count * sizeof(Bucket);
    const uint64_t marks_bytes = bytes / kBytesPerMark * sizeof(Entry);
    const uint64_t records_offset = offset + bucket_bytes + marks_bytes;
    if (offset % alignof(Bucket) != 0 || marks_bytes == 0 || offset + bytes > kMaxZoneBytes ||
        records_offset + record::kMaxRecordBytes + sizeof(Entry) > offset + bytes) {
        return false;
    }

    state.buckets_offset = offset;
    state.bucket_count = static_cast<uint32_t>(bucket_count);
    auto *buckets = reinterpret_cast<Bucket *>(base + offset);
    for (uint64_t i = 0; i < bucket_count; ++i) {
        ::new (static_cast<void *>(buckets + i)) Bucket{};
    }
    const auto marks = static_cast<uint32_t>((offset + bucket_bytes) / kUnit);
    const auto records = static_cast<uint32_t>(records_offset / kUnit);
    Arena::format(base, state.marks, marks, records);
    Arena::format(base, state.records, records, static_cast<uint32_t>((offset + bytes) / kUnit));
    state.next_serial.store(std::max<uint64_t>(first_serial, 1), kRelaxed);
    state.record_count.store(0, kRelaxed);
    state.record_bytes.store(0, kRelaxed);
    return true;
}

bool Table::is_plausible(const TableState &state, uint64_t size) noexcept {
    return state.buckets_offset % alignof(Bucket) == 0 && state.buckets_offset <= size &&
           state.bucket_count <= (size - state.buckets_offset) / sizeof(Bucket);
}

void Table::clear() noexcept {
    for (uint64_t i = 0; i < state_->bucket_count; ++i) {
        Bucket &bucket = buckets()[i];
        Rewrite rewrite(bucket);
        for (auto &slot : bucket.slots) {
            slot.store(0, kRelaxed);
        }
    }
    marks_.clear();
    records_.clear();
    state_->record_count.store(0, kRelaxed);
    state_->record_bytes.store(0, kRelaxed);
}

// Whoever has left the sequence odd is dead, as we have the lock, and nobody knows what its entries are
// worth. The hand finds their blocks.
void Table::repair(Bucket &bucket) noexcept {
    if ((bucket.sequence.load(kRelaxed) & 1) == 0) {
        return;
    }
    Rewrite rewrite(bucket);
    for (auto &slot : bucket.slots) {
        slot.store(0, kRelaxed);
    }
}

Bucket &Table::bucket_of(const Entry &entry) noexcept {
    Bucket &bucket = buckets()[entry.owner.load(kRelaxed)];
    repair(bucket);
    return bucket;
}

// kSlots: none of it refers to the entry
uint32_t Table::slot_of(const Bucket &bucket, const Entry &entry) const noexcept {
    uint32_t slot = 0;
    while (slot < kSlots && entry_at(bucket.slots[slot].load(kRelaxed)) != &entry) {
        ++slot;
    }
    return slot;
}

Entry *Table::find(uint64_t hash, const Key &key) noexcept {
    for (Bucket *bucket : {&first_bucket(hash), &second_bucket(hash)}) {
        repair(*bucket);
        for (const auto &slot : bucket->slots) {
            const uint64_t value = slot.load(kRelaxed);
            Entry *entry = value >> 32 == hash >> 32 ? entry_at(value) : nullptr;
            if (entry != nullptr && is_key(*entry, key)) {
                return entry;
            }
        }
    }
    return nullptr;
}

std::string_view Table::sealed_of(const Entry &entry) const noexcept {
    return {reinterpret_cast<const char *>(&entry + 1), length_of(entry)};
}

// What goes first: what says that there is something newer, what says "not found", a record that nobody has
// read for long, one that somebody has.
uint32_t Table::worth(const Place &place) const noexcept {
    const Entry *entry = entry_at(place.bucket->slots[place.slot].load(kRelaxed));
    if (entry == nullptr || type_of(*entry) == EntryType::kTombstone) {
        return 0;
    }
    if (type_of(*entry) != EntryType::kRecord) {
        return 1;
    }
    return 2 + (place.bucket->used.load(kRelaxed) >> place.slot & 1);
}

// The key's own slot; an empty one, of the bucket that has more of them; or the one that is worth least.
Table::Place Table::place_of(uint64_t hash, const Key &key, bool is_record) noexcept {
    if (const Entry *own = find(hash, key)) {
        Bucket &bucket = bucket_of(*own);
        return {&bucket, slot_of(bucket, *own)};
    }
    Bucket &first = first_bucket(hash);
    Bucket &second = second_bucket(hash);
    const uint32_t in_first = empty_slots(first);
    Bucket &roomy = in_first < kAmple && empty_slots(second) > in_first ? second : first;
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
        if (roomy.slots[slot].load(kRelaxed) == 0) {
            return {&roomy, slot};
        }
    }

    Place least{&first, 0};
    for (Bucket *bucket : {&first, &second}) {
        for (uint32_t slot = 0; slot < kSlots; ++slot) {
            if (worth({bucket, slot}) < worth(least)) {
                least = {bucket, slot};
            }
        }
    }
    return is_record || worth(least) < 2 ? least : Place{};
}

void Table::uncount(uint32_t length) noexcept {
    state_->record_count.fetch_sub(1, kRelaxed);
    state_->record_bytes.fetch_sub(length, kRelaxed);
}

// As with the arenas' memory: counted first and uncounted last.
void Table::release(Entry &entry) noexcept {
    const bool is_record = type_of(entry) == EntryType::kRecord;
    const uint32_t length = length_of(entry);
    arena_of(entry).give_back(entry);
    std::atomic_signal_fence(std::memory_order_release);
    if (is_record) {
        uncount(length);
    }
}

void Table::drop(const Place &place) noexcept {
    Entry *entry = entry_at(place.bucket->slots[place.slot].load(kRelaxed));
    {
        Rewrite rewrite(*place.bucket);
        place.bucket->slots[place.slot].store(0, kRelaxed);
    }
    release(*entry);
}

void Table::publish(const Place &place, uint64_t hash, Entry &entry) noexcept {
    const Entry *before = entry_at(place.bucket->slots[place.slot].load(kRelaxed));
    arena_of(entry).take(entry, static_cast<uint32_t>(place.bucket - buckets()));
    {
        Rewrite rewrite(*place.bucket);
        place.bucket->slots[place.slot].store(hash >> 32 << 32 | records_.offset_of(entry), kRelaxed);
    }
    place.bucket->used.fetch_and(~(1U << place.slot), kRelaxed);
    if (before != nullptr) {
        release(const_cast<Entry &>(*before));
    }
}

Table::Put Table::put(uint64_t hash, const Key &key, const NewRecord &record) noexcept {
    const uint32_t units = Arena::units(sizeof(Entry) + record.sealed.size());
    const uint64_t serial = state_->next_serial.fetch_add(1, kRelaxed);
    if (record.sealed.empty() || record.sealed.size() > record::kMaxRecordBytes) {
        return {};
    }

    // Mostly the next token of a connection is as long as the last one.
    if (Entry *own = find(hash, key); own != nullptr && !marks_.contains(*own)) {
        const uint32_t has = own->units.load(kRelaxed);
        if (units <= has && has - units <= has / 8) {
            const bool was_record = type_of(*own) == EntryType::kRecord;
            const uint32_t length = length_of(*own);
            state_->record_count.fetch_add(1, kRelaxed);
            state_->record_bytes.fetch_add(record.sealed.size(), kRelaxed);
            {
                Rewrite rewrite(bucket_of(*own));
                fill(*own, key, EntryType::kRecord, record, serial);
            }
            if (was_record) {
                uncount(length);
            }
            return {true, 0};
        }
    }

    Residents residents(*this, true);
    auto *entry = static_cast<Entry *>(records_.allocate(units, residents));
    if (entry == nullptr) {
        return {false, residents.evicted()};
    }
    fill(*entry, key, EntryType::kRecord, record, serial);
    const Place place = place_of(hash, key, true);
    const Entry *before = entry_at(place.bucket->slots[place.slot].load(kRelaxed));
    const bool evicts = before != nullptr && type_of(*before) == EntryType::kRecord && !is_key(*before, key);
    state_->record_count.fetch_add(1, kRelaxed);
    state_->record_bytes.fetch_add(record.sealed.size(), kRelaxed);
    publish(place, hash, *entry);
    return {true, residents.evicted() + (evicts ? 1 : 0)};
}

bool Table::put_not_found(uint64_t hash, const Key &key, uint64_t fetched_at) noexcept {
    Residents residents(*this, false);
    auto *entry = static_cast<Entry *>(marks_.allocate(Arena::units(sizeof(Entry)), residents));
    if (entry == nullptr) {
        return false;
    }
    const Place place = place_of(hash, key, false);
    if (place.bucket == nullptr) {
        return false;
    }
    NewRecord nothing;
    nothing.fetched_at = fetched_at;
    fill(*entry, key, EntryType::kNotFound, nothing, 0);
    publish(place, hash, *entry);
    return true;
}

void Table::outdate(Entry &entry, uint64_t needed_generation, uint64_t now) noexcept {
    const bool was_record = type_of(entry) == EntryType::kRecord;
    const uint32_t length = length_of(entry);
    {
        Rewrite rewrite(bucket_of(entry));
        entry.type.store(static_cast<uint8_t>(EntryType::kTombstone), kRelaxed);
        entry.serial.store(0, kRelaxed);
        entry.needed_generation.store(needed_generation, kRelaxed);
        entry.fetched_at.store(now, kRelaxed);
        entry.length.store(0, kRelaxed);
    }
    if (was_record) {
        uncount(length);
    }
}

void Table::put_off_check(Entry &entry, uint64_t until) noexcept {
    Rewrite rewrite(bucket_of(entry));
    entry.recheck_at.store(until, kRelaxed);
}

}  // namespace nexus::edge::cache
