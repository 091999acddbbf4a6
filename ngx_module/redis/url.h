// The nexus_redis directive: where Redis is and how to greet it. Talking to it is connection.h's business.
#pragma once

#include <string>
#include <string_view>

#include "ngx_module/ngx/ngx.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::edge {

/// nexus_redis
struct RedisConf {
    ngx_addr_t *addrs = nullptr;  // at least one; tried in turn
    ngx_uint_t naddrs = 0;
    std::string name;  // for logs: the URL, which holds no password
    unsigned database = 0;
    std::string user;
    Secret password;                 // empty = no AUTH
    ngx_msec_t timeout = 0;          // of one command
    ngx_msec_t connect_timeout = 0;  // to the first real reply
};

/// nexus_redis URL [password=file:..|env:..] [user=..] [timeout=50ms] [connect_timeout=100ms];   http
char *on_nexus_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

}  // namespace nexus::edge
