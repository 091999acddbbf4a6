// The nexus_cache directive and the zone's life: made once, kept as it is over reloads.
#include "ngx_module/cache/zone.h"

#include <algorithm>
#include <bit>
#include <new>
#include <string>

#include "ngx_module/cache/take_over.h"
#include "ngx_module/conf.h"
#include "ngx_module/ngx/conf_args.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/pool_ptr.h"

namespace nexus::edge {
namespace {

using cache::FlightSlot;
using cache::ZoneHeader;

constexpr size_t kMinZoneBytes = size_t{256} * 1024;
constexpr size_t kBytesPerFlight = 8192;  // of the zone
constexpr size_t kMaxFlights = 8192;
constexpr ngx_msec_t kSecond = 1000;
constexpr ngx_msec_t kMinute = 60 * kSecond;
constexpr ngx_msec_t kHour = 60 * kMinute;

template <typename T>
T *make_array(ngx_slab_pool_t *pool, size_t count) {
    void *memory = ngx_slab_alloc(pool, count * sizeof(T));
    if (memory == nullptr) {
        return nullptr;
    }
    T *array = static_cast<T *>(memory);
    for (size_t i = 0; i < count; ++i) {
        ::new (static_cast<void *>(array + i)) T{};
    }
    return array;
}

ngx_int_t make_zone(ngx_shm_zone_t *zone) {
    auto *pool = reinterpret_cast<ngx_slab_pool_t *>(zone->shm.addr);
    pool->log_nomem = 0;  // a full cache evicts; it is no news

    auto *header = make_array<ZoneHeader>(pool, 1);
    const size_t flight_sets =
        std::bit_floor(std::min(zone->shm.size / kBytesPerFlight, kMaxFlights) / cache::kFlightWays);
    auto *flights = make_array<FlightSlot>(pool, flight_sets * cache::kFlightWays);
    const size_t rest = pool->pfree * ngx_pagesize;
    void *table = ngx_slab_alloc(pool, rest);
    if (header == nullptr || flights == nullptr || table == nullptr) {
        return NGX_ERROR;
    }

    auto *base = reinterpret_cast<u_char *>(pool);
    header->layout_version = cache::kLayoutVersion;
    // Only spreads keys; random() is seeded by nginx's start-up and differs enough from start to start.
    header->seed = static_cast<uint64_t>(ngx_random()) << 33 ^ static_cast<uint64_t>(ngx_random()) << 11 ^
                   static_cast<uint64_t>(ngx_pid) ^ static_cast<uint64_t>(ngx_time());
    header->flights_offset = static_cast<uint64_t>(reinterpret_cast<const u_char *>(flights) - base);
    header->flight_set_count = static_cast<uint32_t>(flight_sets);
    pool->data = header;
    return cache::Table::format(base, static_cast<uint64_t>(static_cast<const u_char *>(table) - base), rest,
                                header->seed >> 1, header->table)
               ? NGX_OK
               : NGX_ERROR;
}

// `data` is the previous cycle's CacheConf if this is a reload that keeps the zone.
ngx_int_t on_init_zone(ngx_shm_zone_t *zone, void *data) noexcept {
    auto *pool = reinterpret_cast<ngx_slab_pool_t *>(zone->shm.addr);
    if (data == nullptr) {
        keep_zone(zone);
        const ngx_int_t rc =
            guarded_or<ngx_int_t>(NGX_ERROR, zone->shm.log, "nexus_cache", [&] { return make_zone(zone); });
        if (rc == NGX_OK) {
            cache::take_over(*static_cast<const CacheConf *>(zone->data));
        }
        return rc;
    }

    const auto *header = static_cast<const ZoneHeader *>(pool->data);
    if (header == nullptr || header->layout_version != cache::kLayoutVersion) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "nexus_cache zone \"%V\" was made by another version of the module: restart nginx",
                      &zone->shm.name);
        return NGX_ERROR;
    }
    return NGX_OK;
}

char *set_zone(ngx_conf_t *cf, ngx_command_t *cmd, CacheConf *conf, std::string_view value) {
    const size_t colon = value.find(':');
    if (colon == 0 || colon == std::string_view::npos) {
        return refuse(cf, cmd, "zone must be NAME:SIZE, e.g. zone=nexus:32m");
    }

    ngx_str_t name = copy_to_pool(cf->pool, value.substr(0, colon));
    if (name.data == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    ngx_str_t size_text = to_ngx_str(value.substr(colon + 1));
    const ssize_t size = size_text.len == 0 ? NGX_ERROR : ngx_parse_size(&size_text);
    if (size == NGX_ERROR) {
        return refuse(cf, cmd, "zone has no valid size");
    }
    if (size < static_cast<ssize_t>(kMinZoneBytes)) {
        return refuse(cf, cmd, "zone is too small: at least 256k");
    }
    if (static_cast<uint64_t>(size) > cache::kMaxZoneBytes) {
        return refuse(cf, cmd, "zone is too large: at most 65536m");
    }

    conf->zone = ngx_shared_memory_add(cf, &name, static_cast<size_t>(size), &ngx_http_nexus_module);
    if (conf->zone == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    conf->zone->init = on_init_zone;
    conf->zone->data = conf;
    return NGX_CONF_OK;
}

char *set_parameters(ngx_conf_t *cf, ngx_command_t *cmd, CacheConf *conf) {
    const struct {
        std::string_view name;
        ngx_msec_t *field;
        ngx_msec_t most;
    } times[] = {
        {"max_ttl", &conf->max_ttl, 24 * kHour},
        {"negative_ttl", &conf->negative_ttl, kHour},
        {"attention_ttl", &conf->attention_ttl, kHour},
        {"early_refresh", &conf->early_refresh, kHour},
    };

    const auto *arguments = static_cast<const ngx_str_t *>(cf->args->elts);
    for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
        if (const auto zone = parameter(arguments[i], "zone")) {
            if (char *rc = set_zone(cf, cmd, conf, *zone); rc != NGX_CONF_OK) {
                return rc;
            }
            continue;
        }

        bool known = false;
        for (const auto &time : times) {
            const auto value = parameter(arguments[i], time.name);
            if (!value) {
                continue;
            }
            const auto ms = parse_msec(*value, 0, time.most);
            if (!ms) {
                return refuse_argument(cf, cmd, to_ngx_str(*value),
                                       std::string(time.name) + " is a time of at most " +
                                           std::to_string(time.most / kHour) + "h");
            }
            *time.field = *ms;
            known = true;
        }
        if (!known) {
            return refuse(cf, cmd, "invalid parameter \"" + std::string(to_view(arguments[i])) + "\"");
        }
    }
    return NGX_CONF_OK;
}

}  // namespace

namespace cache {

std::optional<Zone> Zone::of_predecessor(const PredecessorZone &zone) noexcept {
    const auto *header = zone.root_as<ZoneHeader>();
    if (header == nullptr || header->layout_version != kLayoutVersion) {
        return std::nullopt;
    }
    const uint64_t size = zone.bytes().size();
    if (!Table::is_plausible(header->table, size)) {
        return std::nullopt;
    }
    return Zone(const_cast<u_char *>(zone.bytes().data()), const_cast<ZoneHeader *>(header), size);
}

}  // namespace cache

char *on_nexus_cache(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    auto *mcf = static_cast<MainConf *>(conf);
    return guarded_or<char *>(static_cast<char *>(NGX_CONF_ERROR), cf->log, "nexus_cache", [&]() -> char * {
        if (mcf->cache != nullptr) {
            static char duplicate[] = "is duplicate";
            return duplicate;
        }

        PoolPtr<CacheConf> cache = PoolPtr<CacheConf>::make(cf->pool);
        if (!cache) {
            return static_cast<char *>(NGX_CONF_ERROR);
        }
        cache->max_ttl = 5 * kMinute;
        cache->negative_ttl = 5 * kSecond;
        cache->attention_ttl = 30 * kSecond;
        cache->early_refresh = kMinute;
        if (char *rc = set_parameters(cf, cmd, cache.get()); rc != NGX_CONF_OK) {
            return rc;
        }
        if (cache->zone == nullptr) {
            return refuse(cf, cmd, "zone=NAME:SIZE is missing");
        }
        mcf->cache = cache.get();
        return NGX_CONF_OK;
    });
}

}  // namespace nexus::edge
