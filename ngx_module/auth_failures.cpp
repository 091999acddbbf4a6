// The table of failed attempts: see auth_failures.h. Sets of four, each slot a tag and a theoretical arrival
// time; a new key takes the slot of its set that has least left to wait for. Two workers that write at once
// may forget an attempt, never invent one.
#include "ngx_module/auth_failures.h"

#include <array>
#include <atomic>
#include <charconv>
#include <cstring>
#include <memory>
#include <new>
#include <optional>

#include "ngx_module/cache/key.h"
#include "ngx_module/cache/zone.h"
#include "ngx_module/ngx/conf_args.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/ngx/str.h"

namespace nexus::edge {

namespace {

using ratelimit::Limit;
using ratelimit::Micros;

constexpr size_t kWays = 4;
constexpr size_t kSets = 16384;
constexpr uint64_t kLayout = 0x6e78'6166'0000'0001;
constexpr size_t kLine = 64;

constexpr int64_t kMaxRate = 1'000'000;
constexpr int64_t kMaxBurst = 10'000;
constexpr Limit kKeysLimit{30 * ratelimit::kSecond, 0};

struct alignas(kLine) Set {
    std::array<std::atomic<uint64_t>, kWays> tags;
    std::array<std::atomic<int64_t>, kWays> arrival_times;
};
static_assert(sizeof(Set) == kLine);

struct Table {
    uint64_t layout;
    uint64_t seed;
    std::array<Set, kSets> sets;
};

Table *table = nullptr;  // of the running cycle; set in the master, kept by the workers' fork

ngx_int_t init_zone(ngx_shm_zone_t *zone, void *old) noexcept {
    auto *pool = reinterpret_cast<ngx_slab_pool_t *>(zone->shm.addr);
    if (old != nullptr || zone->shm.exists) {
        table = static_cast<Table *>(pool->data);
        zone->data = table;
        return table != nullptr && table->layout == kLayout ? NGX_OK : NGX_ERROR;
    }
    size_t space = sizeof(Table) + kLine;
    void *place = ngx_slab_calloc(pool, space);
    if (place == nullptr || std::align(kLine, sizeof(Table), place, space) == nullptr) {
        return NGX_ERROR;
    }
    table = ::new (place) Table{};
    table->layout = kLayout;
    table->seed = static_cast<uint64_t>(ngx_random()) << 32 ^ static_cast<uint64_t>(ngx_random());
    pool->data = table;
    zone->data = table;
    return NGX_OK;
}

Micros now() noexcept {
    return static_cast<Micros>(cache::monotonic_ms()) * 1000;
}

/// Where a key's number is, or would be.
struct Place {
    Set *set = nullptr;
    uint64_t tag = 0;

    std::atomic<int64_t> *find() const noexcept {
        for (size_t way = 0; way < kWays; ++way) {
            if (set->tags[way].load(std::memory_order_relaxed) == tag) {
                return &set->arrival_times[way];
            }
        }
        return nullptr;
    }

    std::atomic<int64_t> &take() const noexcept {
        size_t least = 0;
        for (size_t way = 1; way < kWays; ++way) {
            if (set->arrival_times[way].load(std::memory_order_relaxed) <
                set->arrival_times[least].load(std::memory_order_relaxed)) {
                least = way;
            }
        }
        set->arrival_times[least].store(0, std::memory_order_relaxed);
        set->tags[least].store(tag, std::memory_order_relaxed);
        return set->arrival_times[least];
    }
};

// The limit is part of the key: places with other limits have numbers of their own.
Place place_of(uint64_t key, const Limit &limit) noexcept {
    const cache::Key both{
        record::Kind::kCaller, key,
        static_cast<uint64_t>(limit.emission_interval) ^ static_cast<uint64_t>(limit.burst_tolerance) << 20};
    const uint64_t hash = cache::mix(both, table->seed);
    return {&table->sets[hash % kSets], hash | 1};  // 0 is an empty slot
}

bool charge(uint64_t key, const Limit &limit) noexcept {
    const Place place = place_of(key, limit);
    std::atomic<int64_t> *known = place.find();
    std::atomic<int64_t> &arrival_time = known != nullptr ? *known : place.take();
    int64_t before = arrival_time.load(std::memory_order_relaxed);
    for (;;) {
        const ratelimit::Decision decision = ratelimit::decide(limit, before, now());
        if (!decision.is_allowed ||
            arrival_time.compare_exchange_weak(before, decision.theoretical_arrival_time,
                                               std::memory_order_relaxed)) {
            return decision.is_allowed;
        }
    }
}

uint64_t first_bytes(const void *from, size_t size) noexcept {
    uint64_t number = 0;
    std::memcpy(&number, from, size);
    return number;
}

// IPv6 by /64, which is what one customer has; an IPv4 address whichever way it is written; all of a Unix
// socket as one.
uint64_t address_key(const ngx_http_request_t *r) noexcept {
    const sockaddr *address = r->connection->sockaddr;
    if (address->sa_family == AF_INET) {
        return 1ULL << 32 | first_bytes(&reinterpret_cast<const sockaddr_in *>(address)->sin_addr, 4);
    }
    if (address->sa_family == AF_INET6) {
        const in6_addr &v6 = reinterpret_cast<const sockaddr_in6 *>(address)->sin6_addr;
        return IN6_IS_ADDR_V4MAPPED(&v6) ? 1ULL << 32 | first_bytes(v6.s6_addr + 12, 4)
                                         : first_bytes(v6.s6_addr, 8);
    }
    return 2ULL << 32;
}

const ngx_str_t *arguments(const ngx_conf_t *cf) {
    return static_cast<const ngx_str_t *>(cf->args->elts);
}

std::optional<int64_t> parse_number(std::string_view text, int64_t least, int64_t most) noexcept {
    int64_t number = 0;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_whole = error == std::errc{} && at == text.data() + text.size();
    return is_whole && number >= least && number <= most ? std::optional{number} : std::nullopt;
}

/// "30r/m", as limit_req writes it.
struct Rate {
    int64_t requests;
    Micros period;
};
std::optional<Rate> parse_rate(std::string_view text) noexcept {
    const bool by_minute = text.ends_with("r/m");
    if (!by_minute && !text.ends_with("r/s")) {
        return std::nullopt;
    }
    const auto requests = parse_number(text.substr(0, text.size() - 3), 1, kMaxRate);
    return requests ? std::optional{Rate{*requests, (by_minute ? 60 : 1) * ratelimit::kSecond}}
                    : std::nullopt;
}

}  // namespace

char *on_nexus_auth_failures(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    auto *lcf = static_cast<LocConf *>(conf);
    if (lcf->auth_failures != NGX_CONF_UNSET_PTR) {
        static char duplicate[] = "is duplicate";
        return duplicate;
    }
    if (cf->args->nelts == 2 && to_view(arguments(cf)[1]) == "off") {
        lcf->auth_failures = nullptr;
        return NGX_CONF_OK;
    }

    std::optional<Rate> rate;
    std::optional<int64_t> burst;
    for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
        if (const auto text = parameter(arguments(cf)[i], "rate"); text && !rate) {
            rate = parse_rate(*text);
            if (!rate) {
                return refuse(cf, cmd, "rate is a number with r/s or r/m, such as 30r/m");
            }
        } else if (const auto number = parameter(arguments(cf)[i], "burst"); number && !burst) {
            burst = parse_number(*number, 0, kMaxBurst);
            if (!burst) {
                return refuse(cf, cmd, "burst is a number from 0 to 10000");
            }
        } else {
            return refuse(cf, cmd, "takes \"off\", or rate=N r/s|r/m and burst=N, each once");
        }
    }
    if (!rate) {
        return refuse(cf, cmd, "needs rate=, such as rate=30r/m");
    }
    lcf->auth_failures =
        PoolPtr<AuthFailuresConf>::make(cf->pool, AuthFailuresConf{ratelimit::make_limit(
                                                      rate->requests, rate->period, burst.value_or(0))})
            .get();
    return lcf->auth_failures != nullptr ? NGX_CONF_OK : static_cast<char *>(NGX_CONF_ERROR);
}

const AuthFailuresConf *default_auth_failures() noexcept {
    static const AuthFailuresConf conf{ratelimit::make_limit(60, 60 * ratelimit::kSecond, 60)};
    return &conf;
}

namespace auth_failures {

ngx_int_t add_zone(ngx_conf_t *cf) noexcept {
    ngx_str_t name = ngx_string("nexus_auth_failures");
    constexpr size_t kZoneBytes = sizeof(Table) + 128 * 1024;  // the slab pool's own needs
    ngx_shm_zone_t *zone = ngx_shared_memory_add(cf, &name, kZoneBytes, &ngx_http_nexus_module);
    if (zone == nullptr) {
        return NGX_ERROR;
    }
    zone->init = init_zone;
    return NGX_OK;
}

int seconds_to_wait(const ngx_http_request_t *r, const AuthFailuresConf &conf) noexcept {
    if (table == nullptr) {
        return 0;
    }
    const std::atomic<int64_t> *known = place_of(address_key(r), conf.limit).find();
    if (known == nullptr) {
        return 0;
    }
    const ratelimit::Decision decision =
        ratelimit::decide(conf.limit, known->load(std::memory_order_relaxed), now(), 0);
    return decision.is_allowed
               ? 0
               : static_cast<int>((decision.retry_after + ratelimit::kSecond - 1) / ratelimit::kSecond);
}

void note(const ngx_http_request_t *r, const AuthFailuresConf &conf) noexcept {
    if (table != nullptr) {
        charge(address_key(r), conf.limit);
    }
}

bool may_ask_for_keys(std::string_view issuer_sha256) noexcept {
    return table != nullptr && issuer_sha256.size() >= 8 &&
           charge(first_bytes(issuer_sha256.data(), 8), kKeysLimit);
}

}  // namespace auth_failures
}  // namespace nexus::edge
