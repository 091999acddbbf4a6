// The module's configuration structs, as nginx keeps them per http, server and location block. Directives
// fill them (directives.cpp has the table), `merge` is the only home of defaults. C++ members live apart, in
// cf->pool.
#pragma once

#include <type_traits>

#include "ngx_module/cors/conf.h"
#include "ngx_module/limits/conf.h"
#include "ngx_module/ngx/ngx.h"
#include "ngx_module/sign/sigv4_conf.h"

extern "C" {
extern ngx_module_t ngx_http_nexus_module;
}

namespace nexus::edge {

struct CacheConf;            // cache/zone.h
struct RedisConf;            // redis/conf.h
struct KeyringConf;          // record/cache_key.h
struct ControlPlaneConf;     // control_plane/control_plane.h
struct ControlPlaneKeyConf;  // control_plane/control_plane.h
struct HostRules;            // inject/egress.h
struct PrivateNetworks;      // inject/egress.h
struct AuthFailuresConf;     // caller/auth_failures.h

struct ReplayConf;  // replay/replay.h
struct ScrubConf;   // scrub/scrub.h

struct MainConf {
    CacheConf *cache;      // nexus_cache; nullptr = not given
    RedisConf *redis;      // nexus_redis
    KeyringConf *keyring;  // nexus_cache_key

    ngx_flag_t lookups_used;       // a directive somewhere needs lookups: they must be possible
    ngx_flag_t guards_error_logs;  // keys come through here, or nexus_debug_http off says so
    ngx_flag_t cors_used;          // nexus_cors is on somewhere

    ngx_array_t *limit_zones;         // of limits::Zone *; nullptr = none
    ngx_flag_t limit_headers_used;    // nexus_limit_headers is on somewhere
    limits::Memory *failed_attempts;  // caller/auth_failures.cpp's
    limits::Memory *provider_pauses;  // upstream/provider_pause.cpp's

    ngx_int_t request_id_index;         // of $request_id
    ngx_int_t connection_header_index;  // of $http_x_nexus_connection
    ngx_array_t *error_logs;            // logs/error_log.cpp's own, while the configuration is read
};

struct SrvConf {
    ControlPlaneConf *control_plane;         // nexus_control_plane; nullptr = not given
    ControlPlaneKeyConf *control_plane_key;  // nexus_control_plane_key
};

struct LocConf {
    ngx_str_t file;                         // where its block begins
    ngx_uint_t line;
    ngx_uint_t configured_auth;             // nexus_auth, as far as somebody said it
    ngx_uint_t auth;                        // bits of auth_bit(), what holds here
    ngx_http_complex_value_t *connection;   // nexus_connection; nullptr = not given
    ngx_uint_t api;                         // nexus_api: ApiMode
    ngx_uint_t inject;                      // nexus_inject: InjectMode
    HostRules *allow_hosts;                 // nexus_allow_hosts; nullptr = none
    PrivateNetworks *allow_private;         // nexus_allow_private; nullptr = none
    ngx_flag_t debug_http;                  // nexus_debug_http
    ngx_msec_t body_time;                   // nexus_body_time, ms; 0 = off
    const AuthFailuresConf *auth_failures;  // nexus_auth_failures; nullptr = off
    const ReplayConf *replay;               // nexus_retry_unauthorized; nullptr = off
    ngx_flag_t provider_pause;              // nexus_provider_pause
    ngx_msec_t ws_max_age;                  // nexus_ws_max_age: long_lived/tunnel_conf.h
    ngx_flag_t end_withdrawn;               // nexus_end_withdrawn
    const ScrubConf *scrub;                 // nexus_scrub_response; nullptr = off
    const Sigv4Conf *sigv4;                 // nexus_sigv4
    CorsConf cors;                          // nexus_cors and its siblings
    LimitsConf limits;                      // nexus_limit, nexus_limit_headers
    ngx_uint_t trace;                       // nexus_trace: TraceMode
    bool metrics;                           // nexus_metrics
};

static_assert(std::is_standard_layout_v<MainConf> && std::is_standard_layout_v<SrvConf> &&
              std::is_standard_layout_v<LocConf>);  // for offsetof()

void *create_main_conf(ngx_conf_t *cf) noexcept;
char *init_main_conf(ngx_conf_t *cf, void *conf) noexcept;
void *create_srv_conf(ngx_conf_t *cf) noexcept;
char *merge_srv_conf(ngx_conf_t *cf, void *parent, void *child) noexcept;
void *create_loc_conf(ngx_conf_t *cf) noexcept;
char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child) noexcept;

/// Refuses what a location says as a whole, when it is merged: then nginx has read all of the http block, and
/// its own words would name the line where that ends. returns NGX_CONF_ERROR
char *refuse_location(ngx_conf_t *cf, const char *why) noexcept;

inline MainConf *main_conf(const ngx_http_request_t *r) {
    return static_cast<MainConf *>(ngx_http_get_module_main_conf(r, ngx_http_nexus_module));
}
inline SrvConf *srv_conf(const ngx_http_request_t *r) {
    return static_cast<SrvConf *>(ngx_http_get_module_srv_conf(r, ngx_http_nexus_module));
}
inline LocConf *loc_conf(const ngx_http_request_t *r) {
    return static_cast<LocConf *>(ngx_http_get_module_loc_conf(r, ngx_http_nexus_module));
}
/// The server that a request came to, in nginx's own terms.
inline ngx_http_core_srv_conf_t *core_srv_conf(const ngx_http_request_t *r) {
    return static_cast<ngx_http_core_srv_conf_t *>(ngx_http_get_module_srv_conf(r, ngx_http_core_module));
}
/// While the configuration is read. nullptr outside of an http block.
inline MainConf *main_conf(ngx_conf_t *cf) {
    return static_cast<MainConf *>(ngx_http_conf_get_module_main_conf(cf, ngx_http_nexus_module));
}
/// Of a running cycle. nullptr if the configuration has no http block.
inline MainConf *main_conf(ngx_cycle_t *cycle) {
    return static_cast<MainConf *>(ngx_http_cycle_get_module_main_conf(cycle, ngx_http_nexus_module));
}

}  // namespace nexus::edge
