// A cluster: each key's script goes to the node that has its slot, redirects are followed, and the table of
// slots is read anew when something shows that it is out of date.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <vector>

#include "control_plane/redis/client.h"
#include "shared/resp/slot.h"
#include "shared/resp/topology.h"

namespace nexus::control {

class ClusterClient final : public RedisClient {
public:
    ClusterClient(const RedisTarget &target, const RedisOptions &options, Metrics *metrics);

    Result<resp::Reply> script(std::string_view text, std::string_view key, Words arguments) override;
    Result<void> publish_elsewhere(std::string_view channel, std::string_view message) override;
    Result<void> ping() override;

private:
    RedisConnection &node(const resp::HostPort &server);
    RedisConnection &redirected(const resp::Redirect &redirect, const RedisConnection &by);
    /// Asks one node after another, first the one that has answered last.
    /// errors kCacheUnavailable: none answered
    Result<resp::Reply> ask_any(std::initializer_list<std::string_view> words);
    Result<void> read_table();
    void apply(const std::vector<resp::SlotRange> &ranges, const resp::HostPort &told_by);

    std::map<resp::HostPort, std::unique_ptr<RedisConnection>>
        nodes_;  // never empty: the configured ones stay
    std::array<RedisConnection *, resp::kSlots> owners_{};
    resp::HostPort answered_;  // ask_any's last
    bool is_table_due_ = true;
    std::chrono::steady_clock::time_point table_read_at_{};
};

}  // namespace nexus::control
