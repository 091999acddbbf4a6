#include "ngx_module/redis/client.h"

#include "ngx_module/redis/cluster/cluster_client.h"
#include "ngx_module/redis/sentinel/sentinel_client.h"
#include "ngx_module/redis/single_client.h"

namespace nexus::edge::redis {

std::unique_ptr<Client> make_client(const RedisConf &conf, ngx_log_t *log) {
    switch (conf.mode) {
        case RedisConf::Mode::kSentinel:
            return std::make_unique<SentinelClient>(conf, log);
        case RedisConf::Mode::kCluster:
            return std::make_unique<ClusterClient>(conf, log);
        case RedisConf::Mode::kSingle:
            break;
    }
    return std::make_unique<SingleClient>(conf, log);
}

}  // namespace nexus::edge::redis
