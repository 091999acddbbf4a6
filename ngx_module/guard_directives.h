// Reading the directives that guard locations: nexus_auth, nexus_api, nexus_inject, nexus_allow_hosts,
// nexus_allow_private, nexus_metrics; and what of them `nginx -t` refuses together.
#pragma once

#include "ngx_module/conf.h"
#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

extern ngx_conf_enum_t inject_modes[];

char *on_nexus_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *on_nexus_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *on_nexus_allow_hosts(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *on_nexus_allow_private(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *on_nexus_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

void init_guard_conf(LocConf &conf) noexcept;

/// Defaults, inheritance, and the combinations that are refused. returns NGX_CONF_OK or NGX_CONF_ERROR
char *merge_guard_conf(ngx_conf_t *cf, LocConf &prev, LocConf &conf) noexcept;

}  // namespace nexus::edge
