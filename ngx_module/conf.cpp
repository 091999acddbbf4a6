// Creating and merging the configuration structs.
#include "ngx_module/conf.h"

#include "ngx_module/guard_directives.h"

namespace nexus::edge {

void *create_main_conf(ngx_conf_t *cf) noexcept {
    return ngx_pcalloc(cf->pool, sizeof(MainConf));
}

char *init_main_conf(ngx_conf_t *, void *) noexcept {
    return NGX_CONF_OK;
}

void *create_srv_conf(ngx_conf_t *cf) noexcept {
    auto *conf = static_cast<SrvConf *>(ngx_pcalloc(cf->pool, sizeof(SrvConf)));
    if (conf == nullptr) {
        return nullptr;
    }
    conf->control_plane = static_cast<ControlPlaneConf *>(NGX_CONF_UNSET_PTR);
    conf->control_plane_key = static_cast<ControlPlaneKeyConf *>(NGX_CONF_UNSET_PTR);
    return conf;
}

char *merge_srv_conf(ngx_conf_t *, void *parent, void *child) noexcept {
    auto *prev = static_cast<SrvConf *>(parent);
    auto *conf = static_cast<SrvConf *>(child);
    ngx_conf_merge_ptr_value(conf->control_plane, prev->control_plane, nullptr);
    ngx_conf_merge_ptr_value(conf->control_plane_key, prev->control_plane_key, nullptr);
    return NGX_CONF_OK;
}

void *create_loc_conf(ngx_conf_t *cf) noexcept {
    auto *conf = static_cast<LocConf *>(ngx_pcalloc(cf->pool, sizeof(LocConf)));
    if (conf == nullptr) {
        return nullptr;
    }
    conf->file = cf->conf_file->file.name;
    conf->line = cf->conf_file->line;
    init_guard_conf(*conf);
    init_cors_conf(conf->cors);
    init_limits_conf(conf->limits);
    return conf;
}

char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child) noexcept {
    auto *prev = static_cast<LocConf *>(parent);
    auto *conf = static_cast<LocConf *>(child);
    char *rc = merge_cors_conf(cf, prev->cors, conf->cors);
    if (rc == NGX_CONF_OK) {
        rc = merge_guard_conf(cf, *prev, *conf);
    }
    return rc == NGX_CONF_OK ? merge_limits_conf(cf, *prev, *conf) : rc;
}

char *refuse_location(ngx_conf_t *cf, const char *why) noexcept {
    auto *clcf =
        static_cast<ngx_http_core_loc_conf_t *>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    auto *conf = static_cast<LocConf *>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_nexus_module));
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s (location or server \"%V\") in %V:%ui", why, &clcf->name,
                  &conf->file, conf->line);
    return static_cast<char *>(NGX_CONF_ERROR);
}

}  // namespace nexus::edge
