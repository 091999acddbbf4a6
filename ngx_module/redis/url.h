// The nexus_redis directive. What it says is in conf.h; talking to Redis is connection.h's business.
#pragma once

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// nexus_redis URL [PARAMETER=VALUE ...];   http
char *on_nexus_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

/// Once the http block is complete: lets nexus_redis use its `resolver`.
void find_redis_resolver(ngx_conf_t *cf) noexcept;

}  // namespace nexus::edge
