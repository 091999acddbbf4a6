// Reading L1: what of the table may be used, and how fresh it is.
#include "ngx_module/cache/entry.h"
#include "ngx_module/cache/records.h"
#include "shared/connection/state.h"
#include "shared/record/caller_record.h"
#include "shared/record/issuer_record.h"

namespace nexus::edge::cache {
namespace {

constexpr uint64_t kLeaseMs = 2000;            // the subscriber pings every 500 ms
constexpr uint64_t kUnverifiedAfterMs = 5000;  // without a subscription
// What no event has told of since it was fetched: a revoke would otherwise go unnoticed for all of max_ttl
// while Redis does not answer.
constexpr uint64_t kUnwatchedTtlMs = 30'000;

// From 9/10 to 11/10 of it, by key and edge: what was fetched together is not asked for together.
constexpr ngx_msec_t jittered(uint64_t hash, ngx_msec_t ttl) noexcept {
    return ttl - ttl / 10 + ttl / 5 * (hash >> 54) / 1024;
}

class PoolSpace final : public CopySpace {
public:
    explicit PoolSpace(ngx_pool_t *pool) : pool_(pool) {}
    void *allocate(size_t bytes) noexcept override { return ngx_palloc(pool_, bytes); }

private:
    ngx_pool_t *pool_;
};

}  // namespace

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

// `header`: of a record, nullptr for "not found"
Freshness Records::freshness(uint64_t hash, const EntryView &entry,
                             const record::Header *header) const noexcept {
    const uint64_t now = monotonic_ms();
    const uint64_t age = now > entry.fetched_at ? now - entry.fetched_at : 0;
    const bool put_off = now < entry.recheck_at;

    const ZoneHeader &zone = zone_.header();
    const uint64_t lease_at = zone.lease_at.load(kRelaxed);
    const bool subscribed = lease_at != 0 && now < lease_at + kLeaseMs;
    const bool watched = subscribed && entry.fetched_at >= zone.subscribed_at.load(kRelaxed);
    const bool is_verified = watched || (!subscribed && age < kUnverifiedAfterMs);

    if (header == nullptr) {
        return is_verified && age < jittered(hash, conf_.negative_ttl) ? Freshness::kFresh : Freshness::kMiss;
    }

    const bool active = is_active(header->kind, header->state) && !header->is_expired(wall_ms());
    const ngx_msec_t ttl = jittered(hash, active ? conf_.max_ttl : conf_.attention_ttl);
    if (age >= ttl || (!watched && age >= kUnwatchedTtlMs)) {
        return put_off ? Freshness::kPutOff : Freshness::kAged;
    }
    if (is_verified) {
        return Freshness::kFresh;
    }
    return put_off ? Freshness::kPutOff : Freshness::kUnverified;
}

Found Records::read(const Key &key, ngx_pool_t *pool, const KeptRecord *kept) const noexcept {
    const uint64_t hash = zone_.hash(key);
    PoolSpace space(pool);
    EntryView entry;
    Found found;
    if (!table_.read(hash, key, &space, kept == nullptr ? 0 : kept->version.serial, entry)) {
        return found;
    }
    if (entry.type == EntryType::kNotFound) {
        found.freshness = freshness(hash, entry, nullptr);
        found.not_found = found.freshness == Freshness::kFresh;
        return found;
    }
    if (entry.type != EntryType::kRecord) {
        return found;
    }

    if (kept != nullptr && entry.is_kept) {
        found.header = kept->header;
    } else if (const auto header = record::parse_header({entry.sealed.data(), entry.sealed.size()})) {
        found.header = *header;
    } else {
        return found;
    }
    if (found.header.generation < entry.needed_generation || found.header.kind != key.kind ||
        is_spent(found.header)) {
        return found;
    }
    found.freshness = freshness(hash, entry, &found.header);
    found.sealed = entry.sealed;
    found.version = {entry.serial};
    found.is_kept = entry.is_kept;
    Table::mark_used(entry);
    return found;
}

void Records::adopt(const Records &other, uint64_t slot, ngx_pool_t *scratch) noexcept {
    PoolSpace space(scratch);
    EntryView old;
    if (!other.table_.read_slot(slot, &space, old) || old.fetched_at > monotonic_ms()) {
        return;
    }
    const uint64_t hash = zone_.hash(old.key);
    // What an event has outdated is asked for anew, and so is what was not there.
    const std::string_view sealed(old.sealed.data(), old.sealed.size());
    const auto header = record::parse_header(sealed);
    if (old.type == EntryType::kRecord && header && header->kind == old.key.kind &&
        header->generation >= old.needed_generation && !is_spent(*header)) {
        put_locked(hash, old.key, sealed, *header, old.needed_generation, old.fetched_at);
    }
}

}  // namespace nexus::edge::cache
