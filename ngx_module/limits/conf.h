// nexus_limit_zone, nexus_limit and nexus_limit_headers: what was said, ready to be asked for each request.
#pragma once

#include <cstdint>

#include "ngx_module/limits/key.h"
#include "ngx_module/limits/memory.h"
#include "ngx_module/ngx/ngx.h"
#include "shared/ratelimit/gcra.h"
#include "shared/ratelimit/rate.h"

namespace nexus::edge {

struct LocConf;

namespace limits {

inline constexpr size_t kMaxZones = 64;
inline constexpr size_t kMaxUses = 8;  // in one location

/// Nobody is made to wait longer than this: it is refused instead.
inline constexpr ratelimit::Micros kMaxDelay = 60 * ratelimit::kSecond;

/// What a global limit does while Redis cannot be asked.
enum class OnError : uint8_t {
    kLocal,  // each edge limits for itself, by its share
    kAllow,
    kDeny,
};

/// nexus_limit_zone
struct Zone {
    ngx_str_t name;  // of [A-Za-z0-9_.-]
    Key key;
    Stage stage;
    ratelimit::Rate rate;                   // unless rate_value
    int64_t burst;                          // unless burst_value
    ratelimit::Limit limit;                 // of these two
    ngx_http_complex_value_t *rate_value;   // nullptr: fixed
    ngx_http_complex_value_t *burst_value;  // nullptr: fixed
    ngx_str_t key_text;
    uint64_t salt;   // by the key as it was written
    Memory *memory;  // nullptr: the name was used, and the zone is not declared yet

    bool is_global;           // counted in Redis
    ratelimit::Micros lease;  // of the limit's rate, taken ahead by one edge; 0 = each request asks
    OnError on_error;
    int64_t edges;  // that share it: kLocal

    ngx_str_t used_in;  // file and line of its first use
    ngx_uint_t used_at;
};

/// nexus_limit zone=...
struct Use {
    const Zone *zone;
    int64_t cost;                          // unless cost_value
    ngx_http_complex_value_t *cost_value;  // nullptr: fixed
    bool delays;
    int64_t undelayed;  // of the burst
    bool dry_run;
};

enum class Headers : ngx_uint_t { kOff, kIetf, kX };
extern ngx_conf_enum_t headers_modes[];

}  // namespace limits

/// Part of LocConf.
struct LimitsConf {
    ngx_array_t *uses;   // of limits::Use; NGX_CONF_UNSET_PTR = not said; nullptr = none
    unsigned stages;     // bits of those that `uses` has
    ngx_uint_t headers;  // nexus_limit_headers: limits::Headers
};

/// nexus_limit_zone NAME key=KEY rate=RATE [burst=0] [size=1m] [after=caller|connection]
///     [scope=local|global] [lease=100ms] [on_error=local|allow|deny] [edges=1];   http
char *on_nexus_limit_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
/// nexus_limit off | zone=NAME [cost=1] [nodelay | delay=0] [dry_run];   http, server, location
char *on_nexus_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

void init_limits_conf(LimitsConf &conf) noexcept;
/// After what the location does and whom it authenticates has been merged.
char *merge_limits_conf(ngx_conf_t *cf, const LocConf &prev, LocConf &conf) noexcept;

namespace limits {

/// The zone of this name, as far as it is known; made if need be. nullptr: out of memory, or too many
Zone *zone_named(ngx_conf_t *cf, std::string_view name) noexcept;
/// Are all zones declared that are used? Says which is not, with file and line. returns NGX_OK or NGX_ERROR
ngx_int_t check_zones(ngx_conf_t *cf) noexcept;

}  // namespace limits
}  // namespace nexus::edge
