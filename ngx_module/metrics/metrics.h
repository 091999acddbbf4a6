// Counters of the edge in shared memory: a row per worker, relaxed atomic additions, no lock, kept over
// reloads. What a counter is called in the Prometheus text, and its help line, is metrics.cpp's table; when
// one is counted is the business of whoever calls `count`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "ngx_module/ngx/ngx.h"
#include "shared/errc.h"

namespace nexus::edge::metrics {

/// Fixed cardinality: no counter depends on who calls or which connection is meant. The order is the order of
/// the text; a new one is a row in metrics.cpp as well (a static_assert compares the two) and a line in the
/// manual.
enum class Counter : uint16_t {
    // requests that reached their end in the access phase or our content handler, by use and result
    kTokenOk,
    kTokenRefused,
    kTokenFailed,
    kRefreshOk,
    kRefreshRefused,
    kRefreshFailed,
    kCheckOk,
    kCheckRefused,
    kCheckFailed,
    kPassOk,
    kPassRefused,
    kPassFailed,
    kInjectOk,
    kInjectRefused,
    kInjectFailed,
    kAuthOnlyOk,
    kAuthOnlyRefused,
    kAuthOnlyFailed,

    // who asked
    kAuthAcceptedApiKey,  // in the order of caller::Method, as are those below
    kAuthAcceptedJwt,
    kAuthAcceptedMtls,
    kAuthAcceptedPeer,
    kAuthInvalidApiKey,
    kAuthInvalidJwt,
    kAuthInvalidMtls,
    kAuthInvalidPeer,
    kAuthMissing,
    kAuthLimited,

    // where lookups of requests were answered
    kTokenLookupL1,
    kTokenLookupL2,
    kTokenLookupOrigin,
    kTokenLookupStale,
    kTokenLookupNegative,
    kTokenLookupFailed,
    kCallerLookupL1,
    kCallerLookupL2,
    kCallerLookupOrigin,
    kCallerLookupStale,
    kCallerLookupNegative,
    kCallerLookupFailed,
    kIssuerLookupL1,
    kIssuerLookupL2,
    kIssuerLookupOrigin,
    kIssuerLookupStale,
    kIssuerLookupNegative,
    kIssuerLookupFailed,

    // Redis, counted by redis/
    kRedisCommands,
    kRedisFailures,  // error replies, broken or refused connections
    kRedisTimeouts,
    kRedisRefused,  // not sent: down, or the breaker is open
    kRedisBreakerOpened,
    kRedisConnects,
    kRedisEvents,  // invalidations received

    // control plane, counted by control_plane/control_plane.cpp
    kControlPlaneCalls,
    kControlPlaneFailures,
    kControlPlaneTimeouts,

    // L1, counted by cache/ and lookup/lookup.cpp
    kCacheStores,
    kCacheEvictions,
    kCacheInvalidations,
    kRecordsRefused,  // records that did not open: unknown key, broken seal, wrong content

    // credentials put on upstream requests, by strategy
    kInjectedOauth2,
    kInjectedHeader,
    kInjectedQueryParam,
    kInjectedBasicAuth,
    kInjectedCookie,
    kInjectedHmacPayload,
    kInjectedAwsSigv4,
    kInjectedOauth1,

    // providers' 401s (nexus_retry_unauthorized)
    kReplaysBegun,
    kReplaysSent,
    kReplaysWithout,

    // upgraded connections that were closed (nexus_ws_max_age)
    kTunnelsExpired,
    kTunnelsTooOld,
    kTunnelsWithdrawn,

    kRequestsWithdrawn,  // requests under way that were ended (nexus_end_withdrawn)

    kScrubbed,  // answers of providers in which a credential was covered (nexus_scrub_response)

    // requests of pages (with an Origin header), by what nexus_cors makes of them
    kCorsSimple,
    kCorsPreflight,
    kCorsDenied,
    kCorsRefused,
    kCorsShadowSimple,
    kCorsShadowPreflight,
    kCorsShadowDenied,
    kCorsShadowRefused,

    kCount_,
};

/// Adds to a counter. Callable from any worker code once the cycle runs; before that, and in processes
/// without the zone (cache manager), it does nothing.
void count(Counter counter, uint64_t by = 1) noexcept;

/// Counts a refusal by the code that the caller was shown (`nexus_refusals_total{code=...}`).
void count_refusal(Errc errc) noexcept;

/// Adds the shared zone to the configuration; once per http block. returns NGX_CONF_OK or NGX_CONF_ERROR
char *add_zone(ngx_conf_t *cf) noexcept;

/// The Prometheus text (format 0.0.4), sums over all workers.
std::string to_prometheus();

}  // namespace nexus::edge::metrics
