// The shared zone of `nexus_cache`: making it, keeping it over reloads, and finding its parts. What is in the
// parts is records.h's and flights.h's business.
#pragma once

#include <optional>

#include "ngx_module/cache/key.h"
#include "ngx_module/cache/layout.h"
#include "ngx_module/cache/table.h"
#include "ngx_module/ngx/kept_zone.h"
#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// nexus_cache
struct CacheConf {
    ngx_shm_zone_t *zone = nullptr;
    ngx_msec_t max_ttl = 0;        // active records: asked for again after this time
    ngx_msec_t negative_ttl = 0;   // "not found"
    ngx_msec_t attention_ttl = 0;  // records in any other state than active
    ngx_msec_t early_refresh =
        0;  // a token with less than about this left is refreshed ahead of its end; 0 = never
};

/// nexus_cache zone=NAME:SIZE [max_ttl=5m] [negative_ttl=5s] [attention_ttl=30s] [early_refresh=60s];   http
char *on_nexus_cache(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

namespace cache {

/// A view of the mapped zone; cheap to copy.
class Zone {
public:
    explicit Zone(ngx_shm_zone_t *zone)
        : pool_(reinterpret_cast<ngx_slab_pool_t *>(zone->shm.addr)),
          header_(static_cast<ZoneHeader *>(pool_->data)),
          size_(zone->shm.size) {}

    /// Another nginx's, to be read only. nullopt: it is none that this module could have made
    static std::optional<Zone> of_predecessor(const PredecessorZone &zone) noexcept;

    ZoneHeader &header() const { return *header_; }
    ngx_slab_pool_t *pool() const { return pool_; }
    uint64_t size() const { return size_; }
    uint64_t hash(const Key &key) const { return mix(key, header_->seed); }

    Table table() const { return Table(base(), size_, header_->table); }
    /// The kFlightWays flights of this hash.
    FlightSlot *flight_set(uint64_t hash) const {
        return at<FlightSlot>(header_->flights_offset) +
               (hash >> 32 & (header_->flight_set_count - 1)) * kFlightWays;
    }

private:
    Zone(u_char *base, ZoneHeader *header, uint64_t size)
        : pool_(reinterpret_cast<ngx_slab_pool_t *>(base)), header_(header), size_(size) {}

    u_char *base() const { return reinterpret_cast<u_char *>(pool_); }
    template <typename T>
    T *at(uint64_t offset) const {
        return reinterpret_cast<T *>(base() + offset);
    }

    ngx_slab_pool_t *pool_;
    ZoneHeader *header_;
    uint64_t size_;
};

/// The slab mutex: the one lock that the master releases when its holder dies.
class ZoneLock {
public:
    explicit ZoneLock(const Zone &zone) : mutex_(&zone.pool()->mutex) { ngx_shmtx_lock(mutex_); }
    ~ZoneLock() { ngx_shmtx_unlock(mutex_); }
    ZoneLock(const ZoneLock &) = delete;
    ZoneLock &operator=(const ZoneLock &) = delete;

private:
    ngx_shmtx_t *mutex_;
};

/// CLOCK_MONOTONIC in ms as of this turn of the event loop; the same clock in all processes.
inline uint64_t monotonic_ms() noexcept {
    return static_cast<uint64_t>(ngx_current_msec);
}

/// Unix time in ms as of this turn of the event loop.
inline int64_t wall_ms() noexcept {
    const ngx_time_t *tp = ngx_timeofday();
    return static_cast<int64_t>(tp->sec) * 1000 + static_cast<int64_t>(tp->msec);
}

}  // namespace cache
}  // namespace nexus::edge
