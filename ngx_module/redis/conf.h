// What nexus_redis says: where Redis is and how to greet it. Filled in by url.cpp, read by everything in
// here.
#pragma once

#include <string>
#include <vector>

#include "ngx_module/ngx/ngx.h"
#include "ngx_module/redis/address.h"
#include "shared/secret.h"

namespace nexus::edge {

namespace redis {

class Tls;  // tls.h

/// How a server is greeted.
struct Login {
    std::string user;
    Secret password;  // empty = no AUTH
    unsigned database = 0;
    bool must_be_master = false;  // a server that says it is a replica is left again
    const Tls *tls = nullptr;     // nullptr = clear text
};

}  // namespace redis

/// nexus_redis
struct RedisConf {
    enum class Mode : uint8_t { kSingle, kSentinel, kCluster };

    Mode mode = Mode::kSingle;
    std::vector<redis::Address>
        servers;              // at least one, tried in turn; the Sentinels, or nodes of the cluster
    std::string name;         // for logs: the URL, which holds no password
    std::string master_name;  // Sentinel's name for the master
    redis::Login login;
    redis::Login sentinel_login;
    ngx_msec_t timeout = 0;          // of one command
    ngx_msec_t connect_timeout = 0;  // to the first real reply

    ngx_resolver_t *resolver = nullptr;  // of the http block, for names that servers announce; nullptr = none
    ngx_msec_t resolver_timeout = 0;
};

}  // namespace nexus::edge
