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
    using Ranges = std::vector<resp::SlotRange>;

    /// All nodes, first the trusted one.
    std::vector<RedisConnection *> candidates() const;
    /// Asks one node after another. errors kCacheUnavailable: none answered
    Result<resp::Reply> ask_any(std::initializer_list<std::string_view> words,
                                const resp::HostPort &but = {});
    /// Of the first node that is not cut off from the others: a table that is known already is not given up
    /// for that of one that is. errors kCacheUnavailable: none answered
    Result<void> read_table();
    void apply(const Ranges &ranges, const resp::HostPort &told_by);

    std::map<resp::HostPort, std::unique_ptr<RedisConnection>>
        nodes_;  // never empty: the configured ones stay
    std::array<RedisConnection *, resp::kSlots> owners_{};
    resp::HostPort trusted_;  // who told the table, or answered last in its place
    resp::HostPort failed_;   // where the last script could not be run; none: it could
    bool is_table_due_ = true;
    std::chrono::steady_clock::time_point table_read_at_{};
};

}  // namespace nexus::control
