// Reading the table: no lock, a retry if a writer was at it, and bounds before anything is believed.
#include "ngx_module/cache/entry.h"
#include "ngx_module/cache/table.h"
#include "shared/record/envelope.h"

namespace nexus::edge::cache {
namespace {

constexpr int kReadAttempts = 4;

// Copied by relaxed atomic words: the other side may be writing, the sequence tells afterwards.
void copy_out(void *to, const Entry &entry, size_t bytes) noexcept {
    auto *out = static_cast<uint64_t *>(to);
    const auto *in = reinterpret_cast<const uint64_t *>(&entry + 1);
#pragma GCC unroll 8
    for (size_t i = 0; i < words(bytes); ++i) {
        out[i] = __atomic_load_n(in + i, __ATOMIC_RELAXED);
    }
}

void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

}  // namespace

Table::Look Table::look(Bucket &bucket, uint32_t first, uint32_t last, const uint64_t *hash, const Key *key,
                        CopySpace *space, uint64_t kept, EntryView &out) const noexcept {
    const uint32_t before = bucket.sequence.load(std::memory_order_acquire);
    if ((before & 1) != 0) {
        pause();
        return Look::kChanged;
    }
    const auto unchanged = [&] {
        std::atomic_thread_fence(std::memory_order_acquire);
        return bucket.sequence.load(kRelaxed) == before;
    };

    for (uint32_t slot = first; slot < last; ++slot) {
        const uint64_t value = bucket.slots[slot].load(kRelaxed);
        if (value == 0 || (hash != nullptr && value >> 32 != *hash >> 32)) {
            continue;
        }
        const Entry *entry = entry_at(value);
        if (entry == nullptr || (key != nullptr && !is_key(*entry, *key))) {
            continue;
        }

        out.key = {static_cast<record::Kind>(entry->kind.load(kRelaxed)), entry->key_high.load(kRelaxed),
                   entry->key_low.load(kRelaxed)};
        out.type = type_of(*entry);
        out.serial = entry->serial.load(kRelaxed);
        out.needed_generation = entry->needed_generation.load(kRelaxed);
        out.fetched_at = entry->fetched_at.load(kRelaxed);
        out.recheck_at = entry->recheck_at.load(kRelaxed);
        out.refresh_at = entry->refresh_at.load(kRelaxed);
        out.early_refresh_at = entry->early_refresh_at.load(kRelaxed);
        out.sealed = {};
        out.is_kept = kept != 0 && out.serial == kept;
        out.bucket = &bucket;
        out.slot = slot;

        // The length may be torn: it must be plausible before anything is copied by it.
        const uint64_t length = entry->length.load(kRelaxed);
        const auto left =
            size_ - static_cast<uint64_t>(reinterpret_cast<const unsigned char *>(entry + 1) - base_);
        if (space != nullptr && out.type == EntryType::kRecord && !out.is_kept && length != 0 &&
            length <= record::kMaxRecordBytes && words(length) * sizeof(uint64_t) <= left) {
            void *copy = space->allocate(words(length) * sizeof(uint64_t));
            if (copy == nullptr) {
                return Look::kAbsent;
            }
            copy_out(copy, *entry, length);
            out.sealed = {static_cast<char *>(copy), length};
        }
        return unchanged() ? Look::kFound : Look::kChanged;
    }
    return unchanged() ? Look::kAbsent : Look::kChanged;
}

bool Table::read_bucket(Bucket &bucket, uint32_t first, uint32_t last, const uint64_t *hash, const Key *key,
                        CopySpace *space, uint64_t kept, EntryView &out) const noexcept {
    for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
        const Look found = look(bucket, first, last, hash, key, space, kept, out);
        if (found != Look::kChanged) {
            return found == Look::kFound;
        }
    }
    return false;
}

bool Table::read(uint64_t hash, const Key &key, CopySpace *space, uint64_t kept,
                 EntryView &out) const noexcept {
    Bucket &second = second_bucket(hash);
    __builtin_prefetch(&second);  // both are fetched at the same time, should the first not have it
    return read_bucket(first_bucket(hash), 0, kSlots, &hash, &key, space, kept, out) ||
           read_bucket(second, 0, kSlots, &hash, &key, space, kept, out);
}

bool Table::read_slot(uint64_t index, CopySpace *space, EntryView &out) const noexcept {
    const auto slot = static_cast<uint32_t>(index % kSlots);
    return read_bucket(buckets()[index / kSlots], slot, slot + 1, nullptr, nullptr, space, 0, out);
}

}  // namespace nexus::edge::cache
