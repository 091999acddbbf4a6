// The module's configuration structs, as nginx keeps them per http, server and location block. Directives fill
// them (directives.cpp has the table), `merge` is the only home of defaults. C++ members live apart, in cf->pool.
#pragma once

#include <type_traits>

#include "ngx_module/ngx/ngx.h"

extern "C" {
extern ngx_module_t ngx_http_nexus_module;
}

namespace nexus::edge {

struct CacheConf;         // cache/zone.h
struct RedisConf;         // redis/url.h
struct KeyringConf;       // cache_key.h
struct ControlPlaneConf;  // control_plane.h

struct MainConf {
    CacheConf *cache;      // nexus_cache; nullptr = not given
    RedisConf *redis;      // nexus_redis
    KeyringConf *keyring;  // nexus_cache_key

    ngx_flag_t lookups_used;  // a directive somewhere needs lookups: the four above must fit together
};

struct SrvConf {
    ControlPlaneConf *control_plane;  // nexus_control_plane; nullptr = not given
};

struct LocConf {
    void *unused;
};

static_assert(std::is_standard_layout_v<MainConf> && std::is_standard_layout_v<SrvConf> &&
              std::is_standard_layout_v<LocConf>);  // for offsetof()

void *create_main_conf(ngx_conf_t *cf) noexcept;
char *init_main_conf(ngx_conf_t *cf, void *conf) noexcept;
void *create_srv_conf(ngx_conf_t *cf) noexcept;
char *merge_srv_conf(ngx_conf_t *cf, void *parent, void *child) noexcept;
void *create_loc_conf(ngx_conf_t *cf) noexcept;
char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child) noexcept;

inline MainConf *main_conf(const ngx_http_request_t *r) {
    return static_cast<MainConf *>(ngx_http_get_module_main_conf(r, ngx_http_nexus_module));
}
inline SrvConf *srv_conf(const ngx_http_request_t *r) {
    return static_cast<SrvConf *>(ngx_http_get_module_srv_conf(r, ngx_http_nexus_module));
}
inline LocConf *loc_conf(const ngx_http_request_t *r) {
    return static_cast<LocConf *>(ngx_http_get_module_loc_conf(r, ngx_http_nexus_module));
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
