#include "ngx_module/redis/client.h"

#include "ngx_module/redis/single_client.h"

namespace nexus::edge::redis {

std::unique_ptr<Client> make_client(const RedisConf &conf, ngx_log_t *log) {
    return std::make_unique<SingleClient>(conf, log);
}

}  // namespace nexus::edge::redis
