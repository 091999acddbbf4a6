// Making the zone, and finding the one before it.
#include "ngx_module/limits/memory.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

#include "ngx_module/conf.h"
#include "ngx_module/metrics/histograms.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/kept_zone.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/ngx/str.h"
#include "shared/crypto/random.h"
#include "shared/crypto/siphash.h"

namespace nexus::edge::limits {

namespace {

using ratelimit::ArrivalTable;
using ratelimit::LeaseSlot;
using ratelimit::Micros;

constexpr uint64_t kLayout = 0x6e78'6c69'0000'0003;
constexpr size_t kTallies = static_cast<size_t>(Tally::kCount_);
constexpr size_t kRows = 16;  // workers beyond that share rows

/// A worker adds to its own row, so that no cache line is fought over.
struct alignas(64) TallyRow {
    std::array<std::atomic<uint64_t>, kTallies> tallies;
};

}  // namespace

struct alignas(128) MemoryHeader {
    uint64_t layout;
    crypto::SipKey key;
    uint64_t set_count;
    uint64_t lease_count;
    std::atomic<Micros> owed_until;  // by charge_debt: the last time at which anybody owes
    std::atomic<Micros> swept_at;
    std::atomic<uint64_t> sweep;  // where the next one begins
    std::array<TallyRow, kRows> rows;
    // the sets follow, then the leases

    ArrivalTable::Set *sets() noexcept { return reinterpret_cast<ArrivalTable::Set *>(this + 1); }
    ArrivalTable table() noexcept { return ArrivalTable({sets(), set_count}); }
    std::span<LeaseSlot> leases() noexcept {
        return {reinterpret_cast<LeaseSlot *>(sets() + set_count), lease_count};
    }
};

namespace {

// nginx compares it, so that a zone of limit_req or nexus_cache with our zone's name is refused.
int zone_tag;

/// All pages of the new zone. nullptr: it is too small
MemoryHeader *make_header(ngx_slab_pool_t *pool, bool with_leases) {
    const size_t bytes = pool->pfree * ngx_pagesize;
    void *place =
        bytes >= sizeof(MemoryHeader) + sizeof(ArrivalTable::Set) ? ngx_slab_calloc(pool, bytes) : nullptr;
    if (place == nullptr) {
        return nullptr;
    }
    auto *header = ::new (place) MemoryHeader{};
    header->layout = kLayout;
    const size_t room = bytes - sizeof(MemoryHeader);
    header->set_count = (with_leases ? room / 2 : room) / sizeof(ArrivalTable::Set);
    header->lease_count =
        with_leases ? (room - header->set_count * sizeof(ArrivalTable::Set)) / sizeof(LeaseSlot) : 0;
    const std::string key = crypto::random_bytes(sizeof header->key);
    std::memcpy(&header->key, key.data(), sizeof header->key);
    return header;
}

/// The zone of this name that the running nginx has with another size.
MemoryHeader *find_resized(const ngx_shm_zone_t &zone) noexcept {
    const auto *running = const_cast<const ngx_cycle_t *>(ngx_cycle);
    for (const ngx_list_part_t *part = &running->shared_memory.part; part != nullptr; part = part->next) {
        const auto *zones = static_cast<const ngx_shm_zone_t *>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            if (zones[i].tag == &zone_tag && to_view(zones[i].shm.name) == to_view(zone.shm.name)) {
                return static_cast<MemoryHeader *>(
                    reinterpret_cast<ngx_slab_pool_t *>(zones[i].shm.addr)->data);
            }
        }
    }
    return nullptr;
}

/// nullptr: there is none, or it is laid out otherwise
MemoryHeader *find_inherited(const PredecessorZone &zone) noexcept {
    const auto *header = zone.root_as<MemoryHeader>();
    const bool is_whole = header != nullptr && header->layout == kLayout && header->set_count != 0 &&
                          header->set_count <= (zone.bytes().size() - zone.root() - sizeof(MemoryHeader)) /
                                                   sizeof(ArrivalTable::Set);
    return is_whole ? const_cast<MemoryHeader *>(header) : nullptr;  // it is only read
}

}  // namespace

Memory *Memory::add(ngx_conf_t *cf, std::string_view name, size_t bytes, bool with_leases) noexcept {
    const auto memory = PoolPtr<Memory>::make(cf->pool);
    ngx_str_t copy = copy_to_pool(cf->pool, name);
    if (!memory || copy.data == nullptr) {
        return nullptr;
    }
    ngx_shm_zone_t *zone = ngx_shared_memory_add(cf, &copy, bytes, &zone_tag);
    if (zone == nullptr) {
        return nullptr;
    }
    memory->with_leases_ = with_leases;
    zone->init = on_init;
    zone->data = memory.get();
    return memory.get();
}

// `old` is the previous cycle's Memory if this is a reload that keeps the zone.
ngx_int_t Memory::on_init(ngx_shm_zone_t *zone, void *old) noexcept {
    auto *memory = static_cast<Memory *>(zone->data);
    auto *pool = reinterpret_cast<ngx_slab_pool_t *>(zone->shm.addr);
    if (old != nullptr) {
        memory->header_ = static_cast<MemoryHeader *>(pool->data);
        if (memory->header_ == nullptr || memory->header_->layout != kLayout) {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "zone \"%V\" was made by another version of the module: restart nginx",
                          &zone->shm.name);
            return NGX_ERROR;
        }
        return NGX_OK;
    }

    keep_zone(zone);
    return guarded_or<ngx_int_t>(NGX_ERROR, zone->shm.log, "a zone of limits", [&] {
        memory->header_ = make_header(pool, memory->with_leases_);
        if (memory->header_ == nullptr) {
            return NGX_ERROR;
        }
        memory->take_over(*zone);
        pool->data = memory->header_;
        return NGX_OK;
    });
}

void Memory::take_over(const ngx_shm_zone_t &zone) noexcept {
    const PredecessorZone predecessor(zone);
    MemoryHeader *old = find_resized(zone);
    if (old == nullptr || old->layout != kLayout) {
        old = find_inherited(predecessor);
    }
    if (old == nullptr) {
        return;
    }
    header_->key = old->key;
    for (size_t i = 0; i < kTallies; ++i) {
        uint64_t sum = 0;
        for (const TallyRow &row : old->rows) {
            sum += row.tallies[i].load(std::memory_order_relaxed);
        }
        header_->rows[0].tallies[i].store(sum, std::memory_order_relaxed);
    }
    header_->table().adopt(old->table(), now());
    header_->owed_until.store(old->owed_until.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

uint64_t Memory::hash(std::string_view key, uint64_t salt) const noexcept {
    return crypto::siphash({header_->key.low ^ salt, header_->key.high}, key);
}

ArrivalTable Memory::table() const noexcept {
    return header_->table();
}

ratelimit::Decision Memory::look_for_debt(std::string_view key, uint64_t salt,
                                          const ratelimit::Limit &limit) const noexcept {
    const Micros at = now();
    return header_->owed_until.load(std::memory_order_relaxed) <= at
               ? ratelimit::decide(limit, 0, at, 0)
               : table().look(hash(key, salt), limit, at, 0);
}

ratelimit::Decision Memory::charge_debt(std::string_view key, uint64_t salt, const ratelimit::Limit &limit,
                                        int64_t cost) noexcept {
    const ratelimit::Decision decision = table().charge(hash(key, salt), limit, now(), cost).decision;
    const Micros until = decision.theoretical_arrival_time;
    Micros before = header_->owed_until.load(std::memory_order_relaxed);
    while (before < until &&
           !header_->owed_until.compare_exchange_weak(before, until, std::memory_order_relaxed)) {
    }
    return decision;
}

ratelimit::LeaseTable Memory::leases() const noexcept {
    return ratelimit::LeaseTable(header_->leases());
}

std::span<LeaseSlot> Memory::begin_sweep(Micros now, Micros period, size_t slots) noexcept {
    Micros before = header_->swept_at.load(std::memory_order_relaxed);
    if (before + period > now || !header_->swept_at.compare_exchange_strong(before, now)) {
        return {};
    }
    const std::span<LeaseSlot> all = header_->leases();
    const uint64_t begin = header_->sweep.load(std::memory_order_relaxed);
    const size_t count = std::min<size_t>(slots, all.size() - begin);
    header_->sweep.store(begin + count < all.size() ? begin + count : 0, std::memory_order_relaxed);
    return all.subspan(begin, count);
}

void Memory::count(Tally tally) noexcept {
    header_->rows[ngx_worker % kRows].tallies[static_cast<size_t>(tally)].fetch_add(
        1, std::memory_order_relaxed);
}

uint64_t Memory::sum(Tally tally) const noexcept {
    uint64_t sum = 0;
    for (const TallyRow &row : header_->rows) {
        sum += row.tallies[static_cast<size_t>(tally)].load(std::memory_order_relaxed);
    }
    return sum;
}

ratelimit::Micros now() noexcept {
    return static_cast<ratelimit::Micros>(metrics::precise_us());
}

}  // namespace nexus::edge::limits
