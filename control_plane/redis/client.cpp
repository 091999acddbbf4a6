#include "control_plane/redis/client.h"

#include "control_plane/redis/cluster_client.h"
#include "control_plane/redis/single_client.h"

namespace nexus::control {

std::unique_ptr<RedisClient> make_redis_client(const RedisTarget &target, const RedisOptions &options,
                                               Metrics *metrics) {
    if (target.kind == resp::Url::Kind::kCluster) {
        return std::make_unique<ClusterClient>(target, options, metrics);
    }
    return std::make_unique<SingleClient>(target, options, metrics);
}

}  // namespace nexus::control
