// Reading L1: no lock, a retry if a writer was at it, and bounds before anything is believed.
#include "ngx_module/cache/entry.h"
#include "ngx_module/cache/records.h"
#include "shared/connection/state.h"
#include "shared/record/caller_record.h"
#include "shared/record/issuer_record.h"

namespace nexus::edge::cache {
namespace {

constexpr int kReadAttempts = 4;
constexpr uint64_t kLeaseMs = 2000;            // the subscriber pings every 500 ms
constexpr uint64_t kUnverifiedAfterMs = 5000;  // without a subscription
// Without a subscription a revoke would otherwise go unnoticed for all of max_ttl while Redis is away.
constexpr uint64_t kUnsubscribedTtlMs = 30'000;
constexpr uint64_t kUsedGranularityMs = 1000;  // LRU's clock: one write per entry and second

// From 9/10 to 11/10 of it, by key and edge: what was fetched together is not asked for together.
constexpr ngx_msec_t jittered(uint64_t hash, ngx_msec_t ttl) noexcept {
    return ttl - ttl / 10 + ttl / 5 * (hash >> 54) / 1024;
}

// Payloads are copied by relaxed atomic words: the other side may be writing, the sequence tells afterwards.
void copy_out(void *to, const u_char *from, size_t bytes) noexcept {
    auto *out = static_cast<uint64_t *>(to);
    const auto *in = reinterpret_cast<const uint64_t *>(from);
#pragma GCC unroll 8
    for (size_t i = 0; i < words(bytes); ++i) {
        out[i] = __atomic_load_n(in + i, __ATOMIC_RELAXED);
    }
}

}  // namespace

// A consistent copy of an entry.
struct Records::View {
    EntryType type;
    uint8_t state;
    uint64_t generation;
    uint64_t needed_generation;
    int64_t expires_at;
    uint64_t fetched_at;
    uint64_t recheck_at;
    std::span<char> sealed;
    Version version;
    bool is_kept;
    record::Kind kind;
};

bool is_active(record::Kind kind, uint8_t state) noexcept {
    switch (kind) {
        case record::Kind::kToken:
            return state == static_cast<uint8_t>(connection::State::kActive);
        case record::Kind::kCaller:
            return state == static_cast<uint8_t>(record::CallerState::kActive);
        case record::Kind::kIssuer:
            break;
    }
    return state == static_cast<uint8_t>(record::IssuerState::kTrusted);
}

bool is_spent(const record::Header &header) noexcept {
    return header.kind == record::Kind::kToken && is_active(header.kind, header.state) &&
           header.is_expired(wall_ms());
}

bool Records::view(const Entry &entry, const Key &key, ngx_pool_t *pool, const KeptRecord *kept,
                   View &out) const noexcept {
    for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
        const uint32_t before = entry.sequence.load(std::memory_order_acquire);
        if ((before & 1) != 0) {
            ngx_cpu_pause();
            continue;
        }
        if (!is_key(entry, key)) {
            return false;
        }

        out.type = type_of(entry);
        out.kind = key.kind;
        out.state = entry.state.load(kRelaxed);
        out.generation = entry.generation.load(kRelaxed);
        out.needed_generation = entry.needed_generation.load(kRelaxed);
        out.expires_at = entry.expires_at.load(kRelaxed);
        out.fetched_at = entry.fetched_at.load(kRelaxed);
        out.recheck_at = entry.recheck_at.load(kRelaxed);
        out.sealed = {};
        out.version = {&entry, before};
        out.is_kept = kept != nullptr && kept->version == out.version;
        const uint64_t offset = entry.offset.load(kRelaxed);
        const uint32_t length = entry.length.load(kRelaxed);

        // Length and offset may be torn: they must be plausible before anything is copied by them.
        if (out.type == EntryType::kRecord && !out.is_kept && length != 0 &&
            length <= record::kMaxRecordBytes && offset % sizeof(uint64_t) == 0 &&
            zone_.contains(offset, words(length) * sizeof(uint64_t))) {
            void *copy = ngx_palloc(pool, words(length) * sizeof(uint64_t));
            if (copy == nullptr) {
                return false;
            }
            copy_out(copy, zone_.payload(offset), length);
            out.sealed = {static_cast<char *>(copy), length};
        }

        std::atomic_thread_fence(std::memory_order_acquire);
        if (entry.sequence.load(kRelaxed) == before) {
            return true;
        }
    }
    return false;
}

Freshness Records::freshness(uint64_t hash, const View &entry) const noexcept {
    const uint64_t now = monotonic_ms();
    const uint64_t age = now > entry.fetched_at ? now - entry.fetched_at : 0;
    const bool put_off = now < entry.recheck_at;

    if (entry.type == EntryType::kNotFound) {
        return age < jittered(hash, conf_.negative_ttl) ? Freshness::kFresh : Freshness::kMiss;
    }

    const bool expired = entry.expires_at != 0 && entry.expires_at <= wall_ms();
    const bool active = is_active(entry.kind, entry.state) && !expired;
    const ZoneHeader &header = zone_.header();
    const uint64_t lease_at = header.lease_at.load(kRelaxed);
    const bool subscribed = lease_at != 0 && now < lease_at + kLeaseMs;

    const ngx_msec_t ttl = jittered(hash, active ? conf_.max_ttl : conf_.attention_ttl);
    if (age >= ttl || (!subscribed && age >= kUnsubscribedTtlMs)) {
        return put_off ? Freshness::kPutOff : Freshness::kAged;
    }
    const bool verified =
        subscribed ? entry.fetched_at >= header.subscribed_at.load(kRelaxed) : age < kUnverifiedAfterMs;
    if (verified) {
        return Freshness::kFresh;
    }
    return put_off ? Freshness::kPutOff : Freshness::kUnverified;
}

Found Records::read(const Key &key, ngx_pool_t *pool, const KeptRecord *kept) const noexcept {
    const uint64_t hash = zone_.hash(key);
    Entry *set = zone_.entry_set(hash);
    for (uint32_t way = 0; way < kWays; ++way) {
        View entry{};
        if (!is_key(set[way], key) || !view(set[way], key, pool, kept, entry)) {
            continue;
        }

        Found found;
        if (entry.generation < entry.needed_generation || entry.type == EntryType::kTombstone ||
            entry.type == EntryType::kEmpty) {
            return found;
        }
        if (entry.type == EntryType::kNotFound) {
            found.freshness = freshness(hash, entry);
            found.not_found = found.freshness == Freshness::kFresh;
            return found;
        }

        if (entry.is_kept) {
            found.header = kept->header;
        } else if (const auto header = record::parse_header({entry.sealed.data(), entry.sealed.size()})) {
            found.header = *header;
        } else {
            return found;
        }
        if (found.header.kind != key.kind || is_spent(found.header)) {
            return found;
        }
        found.freshness = freshness(hash, entry);
        found.sealed = entry.sealed;
        found.version = entry.version;
        found.is_kept = entry.is_kept;

        const uint64_t now = monotonic_ms();
        if (set[way].used_at.load(kRelaxed) + kUsedGranularityMs <= now) {
            set[way].used_at.store(now, kRelaxed);
        }
        return found;
    }
    return {};
}

void Records::adopt(const Records &other, const Entry &entry, ngx_pool_t *scratch) noexcept {
    const Key key{static_cast<record::Kind>(entry.kind.load(kRelaxed)), entry.key_high.load(kRelaxed),
                  entry.key_low.load(kRelaxed)};
    View old{};
    if (!other.view(entry, key, scratch, nullptr, old) || old.generation < old.needed_generation) {
        return;  // what an event has outdated is asked for anew
    }
    if (old.type == EntryType::kNotFound) {
        write_not_found_locked(*place_locked(zone_.hash(key), key), key, old.fetched_at);
        return;
    }
    const std::string_view sealed(old.sealed.data(), old.sealed.size());
    const auto header = record::parse_header(sealed);
    if (old.type == EntryType::kRecord && header && header->kind == key.kind && !is_spent(*header) &&
        old.fetched_at <= monotonic_ms()) {
        write_locked(key, sealed, *header, old.needed_generation, old.fetched_at);
    }
}

}  // namespace nexus::edge::cache
