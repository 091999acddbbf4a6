// The command table, in the order of the reference manual. Parsing lives beside the feature that a directive
// belongs to; defaults live in `merge` (conf.cpp).
#include "ngx_module/directives.h"

#include "ngx_module/cache/zone.h"
#include "ngx_module/caller/auth_failures.h"
#include "ngx_module/conf.h"
#include "ngx_module/control_plane/control_plane.h"
#include "ngx_module/guard_directives.h"
#include "ngx_module/long_lived/tunnel_conf.h"
#include "ngx_module/ngx/word_slot.h"
#include "ngx_module/record/cache_key.h"
#include "ngx_module/redis/url.h"
#include "ngx_module/replay/replay.h"
#include "ngx_module/scrub/scrub.h"
#include "ngx_module/trace/trace.h"

namespace nexus::edge {

namespace {

constexpr ngx_uint_t kEverywhere = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF;

}  // namespace

// The layout that nginx's readers know.
// clang-format off
ngx_command_t commands[] = {
    // nexus_cache zone=NAME:SIZE [max_ttl=5m] [negative_ttl=5s] [attention_ttl=30s] [early_refresh=60s];   http
    { ngx_string("nexus_cache"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      on_nexus_cache,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      nullptr },

    // nexus_redis URL [PARAMETER=VALUE ...];   http
    { ngx_string("nexus_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      on_nexus_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      nullptr },

    // nexus_cache_key REF [previous=REF];   http
    { ngx_string("nexus_cache_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      on_nexus_cache_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      nullptr },

    // nexus_control_plane URI [timeout=10s];   http, server
    { ngx_string("nexus_control_plane"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_TAKE12,
      on_nexus_control_plane,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      nullptr },

    // nexus_control_plane_key REF;   http, server
    { ngx_string("nexus_control_plane_key"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_TAKE1,
      on_nexus_control_plane_key,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      nullptr },

    // nexus_auth off | (api_key | jwt | mtls | peer) ...;   default: api_key where nexus_api or nexus_inject is used;   http, server, location
    { ngx_string("nexus_auth"),
      kEverywhere|NGX_CONF_1MORE,
      on_nexus_auth,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    // nexus_auth_failures off | rate=N r/s|r/m|r/h|r/d [burst=0];   default: rate=60r/m burst=60;   http, server, location
    { ngx_string("nexus_auth_failures"),
      kEverywhere|NGX_CONF_TAKE12,
      on_nexus_auth_failures,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    // nexus_connection VALUE;   server, location
    { ngx_string("nexus_connection"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, connection),
      nullptr },

    // nexus_api off | token | refresh | check | pass;   default: off;   location
    { ngx_string("nexus_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      on_nexus_api,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    // nexus_inject off | auto | oauth2 | header | query_param | basic_auth | cookie | hmac_payload | aws_sigv4 | oauth1;   default: off;   location
    { ngx_string("nexus_inject"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      set_word_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, inject),
      inject_modes },

    // nexus_retry_unauthorized off | on [max_body=1m];   default: off;   http, server, location
    { ngx_string("nexus_retry_unauthorized"),
      kEverywhere|NGX_CONF_TAKE12,
      on_nexus_retry_unauthorized,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    // nexus_provider_pause on | off;   default: off;   http, server, location
    { ngx_string("nexus_provider_pause"),
      kEverywhere|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, provider_pause),
      nullptr },

    // nexus_ws_max_age token | TIME | off;   default: token;   http, server, location
    { ngx_string("nexus_ws_max_age"),
      kEverywhere|NGX_CONF_TAKE1,
      on_nexus_ws_max_age,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    // nexus_end_withdrawn on | off;   default: on;   http, server, location
    { ngx_string("nexus_end_withdrawn"),
      kEverywhere|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, end_withdrawn),
      nullptr },

    // nexus_scrub_response off | on [body=SIZE] [set_cookie=pass|drop];   default: off;   http, server, location
    { ngx_string("nexus_scrub_response"),
      kEverywhere|NGX_CONF_TAKE123,
      on_nexus_scrub_response,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    // nexus_sigv4 [payload=buffer|unsigned] [region=NAME] [service=NAME];   default: payload=buffer;   http, server, location
    { ngx_string("nexus_sigv4"),
      kEverywhere|NGX_CONF_TAKE123,
      on_nexus_sigv4,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    // nexus_allow_hosts HOST ...;   http, server, location
    { ngx_string("nexus_allow_hosts"),
      kEverywhere|NGX_CONF_1MORE,
      on_nexus_allow_hosts,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    // nexus_allow_private CIDR | unix: ...;   http, server, location
    { ngx_string("nexus_allow_private"),
      kEverywhere|NGX_CONF_1MORE,
      on_nexus_allow_private,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    // nexus_cors off | on | enforce | shadow;   default: off;   http, server, location
    { ngx_string("nexus_cors"),
      kEverywhere|NGX_CONF_TAKE1,
      set_word_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, cors.mode),
      cors_modes },

    // nexus_cors_origins ORIGIN | env:NAME ...;   http, server, location
    { ngx_string("nexus_cors_origins"),
      kEverywhere|NGX_CONF_1MORE,
      on_nexus_cors_origins,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    // nexus_cors_methods METHOD ...;   default: GET HEAD POST;   http, server, location
    { ngx_string("nexus_cors_methods"),
      kEverywhere|NGX_CONF_1MORE,
      on_nexus_cors_methods,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    // nexus_cors_headers reflect | NAME ...;   http, server, location
    { ngx_string("nexus_cors_headers"),
      kEverywhere|NGX_CONF_1MORE,
      on_nexus_cors_headers,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    // nexus_cors_expose NAME ...;   default: Retry-After WWW-Authenticate;   http, server, location
    { ngx_string("nexus_cors_expose"),
      kEverywhere|NGX_CONF_1MORE,
      on_nexus_cors_expose,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    // nexus_cors_max_age TIME;   default: 10m;   http, server, location
    { ngx_string("nexus_cors_max_age"),
      kEverywhere|NGX_CONF_TAKE1,
      on_nexus_cors_max_age,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    // nexus_cors_credentials on | off;   default: off;   http, server, location
    { ngx_string("nexus_cors_credentials"),
      kEverywhere|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, cors.credentials),
      nullptr },

    // nexus_cors_private_network on | off;   default: off;   http, server, location
    { ngx_string("nexus_cors_private_network"),
      kEverywhere|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, cors.private_network),
      nullptr },

    // nexus_limit_zone NAME key=KEY rate=RATE [burst=0] [size=1m] [after=caller|connection] [scope=local|global] [lease=100ms] [on_error=local|allow|deny] [edges=1];   http
    { ngx_string("nexus_limit_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      on_nexus_limit_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      nullptr },

    // nexus_limit off | zone=NAME [cost=1] [nodelay | delay=0] [dry_run];   http, server, location
    { ngx_string("nexus_limit"),
      kEverywhere|NGX_CONF_1MORE,
      on_nexus_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    // nexus_limit_headers off | ietf | x;   default: off;   http, server, location
    { ngx_string("nexus_limit_headers"),
      kEverywhere|NGX_CONF_TAKE1,
      set_word_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, limits.headers),
      limits::headers_modes },

    // nexus_debug_http on | off;   default: off;   http, server, location
    { ngx_string("nexus_debug_http"),
      kEverywhere|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, debug_http),
      nullptr },

    // nexus_body_time TIME;   default: 0 (off);   http, server, location
    { ngx_string("nexus_body_time"),
      kEverywhere|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, body_time),
      nullptr },

    // nexus_trace off | pass | on;   default: pass;   http, server, location
    { ngx_string("nexus_trace"),
      kEverywhere|NGX_CONF_TAKE1,
      set_word_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocConf, trace),
      trace_modes },

    // nexus_metrics;   location
    { ngx_string("nexus_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      on_nexus_metrics,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    ngx_null_command
};
// clang-format on

}  // namespace nexus::edge
