// nexus_ws_max_age: how long an upgraded connection may live on the credential of its handshake.
#pragma once

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

inline constexpr ngx_msec_t kTunnelsUnwatched = 0;
inline constexpr ngx_msec_t kTunnelsAsCredential = NGX_MAX_INT_T_VALUE;  // no age beside it

/// nexus_ws_max_age token | TIME | off;
char *on_nexus_ws_max_age(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

}  // namespace nexus::edge
