// The zone of the counters and histograms, and the counters' names in the Prometheus text.
#include "ngx_module/metrics/metrics.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <new>

#include "ngx_module/cache/metrics.h"
#include "ngx_module/conf.h"
#include "ngx_module/limits/metrics.h"
#include "ngx_module/metrics/histograms.h"
#include "ngx_module/ngx/kept_zone.h"
#include "ngx_module/ngx/str.h"

namespace nexus::edge::metrics {

namespace {

constexpr size_t kCounters = static_cast<size_t>(Counter::kCount_);
constexpr size_t kErrcs = static_cast<size_t>(Errc::kInternal) + 1;
constexpr size_t kRows = 64;  // workers beyond that share rows: additions are atomic
constexpr uint64_t kLayout = 0x6e78'6d02'0000'0000 | (kHistograms << 24) | (kCounters << 12) | kErrcs;

/// A worker writes its own row only, so that no cache line is fought over.
struct alignas(64) Row {
    std::array<std::atomic<uint64_t>, kCounters> counters;
    std::array<std::atomic<uint64_t>, kErrcs> refusals;
    HistogramRows histograms;
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

struct Table {
    uint64_t layout;
    std::array<Row, kRows> rows;
};

constexpr size_t kZoneBytes = sizeof(Table) + 64 * 1024;  // the slab pool's own needs

struct Name {
    Counter counter;
    std::string_view family;
    std::string_view labels;  // "" = none
    std::string_view help;    // of the family; its first row has it
};

constexpr std::string_view kRequests = "nexus_requests_total";
constexpr std::string_view kAuth = "nexus_auth_total";
constexpr std::string_view kLookups = "nexus_lookups_total";
constexpr std::string_view kInjections = "nexus_injections_total";
constexpr std::string_view kReplays = "nexus_unauthorized_total";
constexpr std::string_view kTunnels = "nexus_tunnels_closed_total";
constexpr std::string_view kCors = "nexus_cors_total";

constexpr std::array<Name, kCounters> kNames = {{
    {Counter::kTokenOk, kRequests, R"(use="token",result="ok")",
     "Requests by what the location does and how they ended."},
    {Counter::kTokenRefused, kRequests, R"(use="token",result="refused")", ""},
    {Counter::kTokenFailed, kRequests, R"(use="token",result="failed")", ""},
    {Counter::kRefreshOk, kRequests, R"(use="refresh",result="ok")", ""},
    {Counter::kRefreshRefused, kRequests, R"(use="refresh",result="refused")", ""},
    {Counter::kRefreshFailed, kRequests, R"(use="refresh",result="failed")", ""},
    {Counter::kCheckOk, kRequests, R"(use="check",result="ok")", ""},
    {Counter::kCheckRefused, kRequests, R"(use="check",result="refused")", ""},
    {Counter::kCheckFailed, kRequests, R"(use="check",result="failed")", ""},
    {Counter::kPassOk, kRequests, R"(use="pass",result="ok")", ""},
    {Counter::kPassRefused, kRequests, R"(use="pass",result="refused")", ""},
    {Counter::kPassFailed, kRequests, R"(use="pass",result="failed")", ""},
    {Counter::kInjectOk, kRequests, R"(use="inject",result="ok")", ""},
    {Counter::kInjectRefused, kRequests, R"(use="inject",result="refused")", ""},
    {Counter::kInjectFailed, kRequests, R"(use="inject",result="failed")", ""},
    {Counter::kAuthOnlyOk, kRequests, R"(use="auth",result="ok")", ""},
    {Counter::kAuthOnlyRefused, kRequests, R"(use="auth",result="refused")", ""},
    {Counter::kAuthOnlyFailed, kRequests, R"(use="auth",result="failed")", ""},

    {Counter::kAuthAcceptedApiKey, kAuth, R"(method="api_key",result="accepted")",
     "Callers by how they authenticated, and the outcome."},
    {Counter::kAuthAcceptedJwt, kAuth, R"(method="jwt",result="accepted")", ""},
    {Counter::kAuthAcceptedMtls, kAuth, R"(method="mtls",result="accepted")", ""},
    {Counter::kAuthAcceptedPeer, kAuth, R"(method="peer",result="accepted")", ""},
    {Counter::kAuthInvalidApiKey, kAuth, R"(method="api_key",result="invalid")", ""},
    {Counter::kAuthInvalidJwt, kAuth, R"(method="jwt",result="invalid")", ""},
    {Counter::kAuthInvalidMtls, kAuth, R"(method="mtls",result="invalid")", ""},
    {Counter::kAuthInvalidPeer, kAuth, R"(method="peer",result="invalid")", ""},
    {Counter::kAuthMissing, kAuth, R"(method="none",result="missing")", ""},
    {Counter::kAuthLimited, kAuth, R"(method="none",result="limited")", ""},

    {Counter::kTokenLookupL1, kLookups, R"(kind="token",source="l1")",
     "Lookups of records by where they were answered."},
    {Counter::kTokenLookupL2, kLookups, R"(kind="token",source="l2")", ""},
    {Counter::kTokenLookupOrigin, kLookups, R"(kind="token",source="origin")", ""},
    {Counter::kTokenLookupStale, kLookups, R"(kind="token",source="stale")", ""},
    {Counter::kTokenLookupNegative, kLookups, R"(kind="token",source="negative")", ""},
    {Counter::kTokenLookupFailed, kLookups, R"(kind="token",source="none")", ""},
    {Counter::kCallerLookupL1, kLookups, R"(kind="caller",source="l1")", ""},
    {Counter::kCallerLookupL2, kLookups, R"(kind="caller",source="l2")", ""},
    {Counter::kCallerLookupOrigin, kLookups, R"(kind="caller",source="origin")", ""},
    {Counter::kCallerLookupStale, kLookups, R"(kind="caller",source="stale")", ""},
    {Counter::kCallerLookupNegative, kLookups, R"(kind="caller",source="negative")", ""},
    {Counter::kCallerLookupFailed, kLookups, R"(kind="caller",source="none")", ""},
    {Counter::kIssuerLookupL1, kLookups, R"(kind="issuer",source="l1")", ""},
    {Counter::kIssuerLookupL2, kLookups, R"(kind="issuer",source="l2")", ""},
    {Counter::kIssuerLookupOrigin, kLookups, R"(kind="issuer",source="origin")", ""},
    {Counter::kIssuerLookupStale, kLookups, R"(kind="issuer",source="stale")", ""},
    {Counter::kIssuerLookupNegative, kLookups, R"(kind="issuer",source="negative")", ""},
    {Counter::kIssuerLookupFailed, kLookups, R"(kind="issuer",source="none")", ""},

    {Counter::kRedisCommands, "nexus_redis_commands_total", "", "Commands sent to Redis."},
    {Counter::kRedisFailures, "nexus_redis_failures_total", "",
     "Redis commands that failed, time-outs excluded."},
    {Counter::kRedisTimeouts, "nexus_redis_timeouts_total", "", "Redis commands without a reply in time."},
    {Counter::kRedisRefused, "nexus_redis_refused_total", "",
     "Commands not sent to Redis: it is down, or the breaker is open."},
    {Counter::kRedisBreakerOpened, "nexus_redis_breaker_opens_total", "",
     "Times that Redis was too slow to be asked any more."},
    {Counter::kRedisConnects, "nexus_redis_connects_total", "", "Connections to Redis that became ready."},
    {Counter::kRedisEvents, "nexus_redis_events_total", "", "Invalidation events received."},

    {Counter::kControlPlaneCalls, "nexus_control_plane_calls_total", "", "Requests to the control plane."},
    {Counter::kControlPlaneFailures, "nexus_control_plane_failures_total", "",
     "Requests to the control plane that got no usable answer, time-outs excluded."},
    {Counter::kControlPlaneTimeouts, "nexus_control_plane_timeouts_total", "",
     "Requests to the control plane without an answer in time."},

    {Counter::kCacheStores, "nexus_cache_stores_total", "", "Records written to the shared memory cache."},
    {Counter::kCacheEvictions, "nexus_cache_evictions_total", "",
     "Records evicted from the shared memory cache."},
    {Counter::kCacheInvalidations, "nexus_cache_invalidations_total", "",
     "Cached records that an event outdated."},
    {Counter::kRecordsRefused, "nexus_records_refused_total", "",
     "Records that did not open: unknown key, broken seal, wrong content."},

    {Counter::kInjectedOauth2, kInjections, R"(strategy="oauth2")", "Credentials put on proxied requests."},
    {Counter::kInjectedHeader, kInjections, R"(strategy="header")", ""},
    {Counter::kInjectedQueryParam, kInjections, R"(strategy="query_param")", ""},
    {Counter::kInjectedBasicAuth, kInjections, R"(strategy="basic_auth")", ""},
    {Counter::kInjectedCookie, kInjections, R"(strategy="cookie")", ""},
    {Counter::kInjectedHmacPayload, kInjections, R"(strategy="hmac_payload")", ""},
    {Counter::kInjectedAwsSigv4, kInjections, R"(strategy="aws_sigv4")", ""},
    {Counter::kInjectedOauth1, kInjections, R"(strategy="oauth1")", ""},
    {Counter::kReplaysBegun, kReplays, R"(result="held")",
     "Providers' 401s that were held back, and what became of them."},
    {Counter::kReplaysSent, kReplays, R"(result="sent_again")", ""},
    {Counter::kReplaysWithout, kReplays, R"(result="not_refreshed")", ""},
    {Counter::kTunnelsExpired, kTunnels, R"(reason="expired")",
     "Upgraded connections that were closed because their credential had ended, or for their age."},
    {Counter::kTunnelsTooOld, kTunnels, R"(reason="too_old")", ""},
    {Counter::kTunnelsWithdrawn, kTunnels, R"(reason="withdrawn")", ""},

    {Counter::kRequestsWithdrawn, "nexus_requests_withdrawn_total", "",
     "Requests under way that were ended because their credential was withdrawn."},

    {Counter::kScrubbed, "nexus_scrubbed_total", "",
     "Providers' answers in which the credential was covered."},

    {Counter::kCorsSimple, kCors, R"(mode="live",result="simple")",
     "Answers to requests with an Origin header, by what nexus_cors makes of them."},
    {Counter::kCorsPreflight, kCors, R"(mode="live",result="preflight")", ""},
    {Counter::kCorsDenied, kCors, R"(mode="live",result="denied")", ""},
    {Counter::kCorsRefused, kCors, R"(mode="live",result="refused")", ""},
    {Counter::kCorsShadowSimple, kCors, R"(mode="shadow",result="simple")", ""},
    {Counter::kCorsShadowPreflight, kCors, R"(mode="shadow",result="preflight")", ""},
    {Counter::kCorsShadowDenied, kCors, R"(mode="shadow",result="denied")", ""},
    {Counter::kCorsShadowRefused, kCors, R"(mode="shadow",result="refused")", ""},
}};

/// Each row stands in its counter's place, and the rows of a family stand together.
constexpr bool is_in_order() {
    for (size_t i = 0; i < kNames.size(); ++i) {
        const bool starts_family = i == 0 || kNames[i].family != kNames[i - 1].family;
        if (static_cast<size_t>(kNames[i].counter) != i || kNames[i].help.empty() == starts_family) {
            return false;
        }
    }
    return true;
}
static_assert(is_in_order());

Table *table = nullptr;  // of the running cycle; set in the master, kept by the workers' fork

/// Counts go on after a binary upgrade. What the old workers still count until they leave is lost.
void take_over(const ngx_shm_zone_t &zone) noexcept {
    const PredecessorZone predecessor(zone);
    const auto *old = predecessor.root_as<Table>();
    if (old == nullptr || old->layout != kLayout) {
        return;
    }
    // All of a row are 64-bit atomics, and the old workers are still adding to theirs.
    static_assert(sizeof(Row) % sizeof(uint64_t) == 0);
    const auto *from = reinterpret_cast<const uint64_t *>(old->rows.data());
    auto *to = reinterpret_cast<uint64_t *>(table->rows.data());
    for (size_t i = 0; i < sizeof(table->rows) / sizeof(uint64_t); ++i) {
        to[i] = __atomic_load_n(from + i, __ATOMIC_RELAXED);
    }
}

ngx_int_t init_zone(ngx_shm_zone_t *zone, void *old) noexcept {
    auto *pool = reinterpret_cast<ngx_slab_pool_t *>(zone->shm.addr);
    if (old != nullptr || zone->shm.exists) {
        table = static_cast<Table *>(pool->data);
        zone->data = table;
        return table != nullptr && table->layout == kLayout ? NGX_OK : NGX_ERROR;
    }

    keep_zone(zone);
    void *place = ngx_slab_calloc(pool, sizeof(Table));
    if (place == nullptr) {
        return NGX_ERROR;
    }
    table = ::new (place) Table{};
    table->layout = kLayout;
    take_over(*zone);
    pool->data = table;
    zone->data = table;
    return NGX_OK;
}

Row *own_row() {
    return table != nullptr ? &table->rows[ngx_worker % kRows] : nullptr;
}

void append_number(std::string &out, uint64_t number) {
    char text[24];
    const auto end = std::to_chars(std::begin(text), std::end(text), number).ptr;
    out.append(text, end);
}

void append_family(std::string &out, std::string_view family, std::string_view type, std::string_view help) {
    out.append("# HELP ").append(family).append(" ").append(help).append("\n");
    out.append("# TYPE ").append(family).append(" ").append(type).append("\n");
}

void append_sample(std::string &out, std::string_view family, std::string_view labels, uint64_t value) {
    out.append(family);
    if (!labels.empty()) {
        out.append("{").append(labels).append("}");
    }
    out.append(" ");
    append_number(out, value);
    out.append("\n");
}

void append_refusals(std::string &out) {
    constexpr std::string_view kFamily = "nexus_refusals_total";
    append_family(out, kFamily, "counter", "Requests refused by the edge, by the code in the error body.");

    // several internal causes share one code
    const auto infos = errc_table();
    for (size_t i = 0; i < infos.size(); ++i) {
        bool seen = false;
        uint64_t sum = 0;
        for (size_t k = 0; k < infos.size(); ++k) {
            if (infos[k].code != infos[i].code) {
                continue;
            }
            seen = seen || k < i;
            for (const Row &row : table->rows) {
                sum += row.refusals[k].load(std::memory_order_relaxed);
            }
        }
        if (!seen) {
            append_sample(out, kFamily, "code=\"" + std::string{infos[i].code} + "\"", sum);
        }
    }
}

}  // namespace

void count(Counter counter, uint64_t by) noexcept {
    if (Row *row = own_row(); row != nullptr) {
        row->counters[static_cast<size_t>(counter)].fetch_add(by, std::memory_order_relaxed);
    }
}

void count_refusal(Errc errc) noexcept {
    const auto index = static_cast<size_t>(errc);
    if (Row *row = own_row(); row != nullptr && index < kErrcs) {
        row->refusals[index].fetch_add(1, std::memory_order_relaxed);
    }
}

void observe(Histogram histogram, uint64_t duration_us) noexcept {
    if (Row *row = own_row(); row != nullptr) {
        HistogramRow &own = row->histograms[static_cast<size_t>(histogram)];
        own.buckets[bucket_of(duration_us)].fetch_add(1, std::memory_order_relaxed);
        own.sum_us.fetch_add(duration_us, std::memory_order_relaxed);
    }
}

char *add_zone(ngx_conf_t *cf) noexcept {
    ngx_str_t name = ngx_string("nexus_metrics");
    ngx_shm_zone_t *zone = ngx_shared_memory_add(cf, &name, kZoneBytes, &ngx_http_nexus_module);
    if (zone == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    zone->init = init_zone;
    return NGX_CONF_OK;
}

std::string to_prometheus() {
    std::string out;
    if (table == nullptr) {
        return out;
    }

    out.reserve(32 * 1024);
    for (const Name &name : kNames) {
        if (!name.help.empty()) {
            append_family(out, name.family, "counter", name.help);
        }
        uint64_t sum = 0;
        for (const Row &row : table->rows) {
            sum += row.counters[static_cast<size_t>(name.counter)].load(std::memory_order_relaxed);
        }
        append_sample(out, name.family, name.labels, sum);
    }
    append_refusals(out);

    std::array<const HistogramRows *, kRows> workers{};
    std::ranges::transform(table->rows, workers.begin(), [](const Row &row) { return &row.histograms; });
    append_histograms(out, workers);
    append_cache(out);
    limits::append_metrics(out);
    return out;
}

}  // namespace nexus::edge::metrics
