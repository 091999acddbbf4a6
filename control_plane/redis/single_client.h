// One server, or the master that Sentinels name: in either case one connection at a time.
#pragma once

#include <memory>

#include "control_plane/redis/client.h"
#include "control_plane/redis/master_finder.h"

namespace nexus::control {

class SingleClient final : public RedisClient {
public:
    SingleClient(const RedisTarget &target, const RedisOptions &options, Metrics *metrics);

    Result<resp::Reply> script(std::string_view text, std::string_view key, Words arguments) override;
    Result<void> publish_elsewhere(std::string_view channel, std::string_view message) override;
    Result<void> ping() override;

private:
    Result<RedisConnection *> server();
    template <typename Ask>
    Result<resp::Reply> ask(Ask &&question);

    std::unique_ptr<MasterFinder> finder_;  // null: there is one server, and it is known
    std::unique_ptr<RedisConnection> connection_;
};

}  // namespace nexus::control
