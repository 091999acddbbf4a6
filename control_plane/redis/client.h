// Redis, whatever it is made of: one server, the master that Sentinels name, or a cluster. Blocking; used by
// one thread at a time.
#pragma once

#include <memory>
#include <string_view>

#include "control_plane/config/redis_target.h"
#include "control_plane/redis/connection.h"
#include "shared/result.h"

namespace nexus::control {

class RedisClient {
public:
    /// target and metrics outlive it; metrics may be nullptr
    RedisClient(const RedisTarget &target, const RedisOptions &options, Metrics *metrics)
        : target_(target), options_(options), metrics_(metrics) {}
    virtual ~RedisClient() = default;
    RedisClient(const RedisClient &) = delete;  // connections point to the epoch
    RedisClient &operator=(const RedisClient &) = delete;

    /// Runs a script at the server that has `key`, its only one. errors kCacheUnavailable: that server is not
    /// reachable, or answered with an error
    virtual Result<resp::Reply> script(std::string_view text, std::string_view key, Words arguments) = 0;
    /// For what `script` could not write: tells all who listen at another server, if there is one.
    /// errors kCacheUnavailable
    virtual Result<void> publish_elsewhere(std::string_view channel, std::string_view message) = 0;
    /// Grows when a server is another one than before, or was lost and is connected to anew: what it was told
    /// last may be gone.
    uint64_t epoch() const noexcept { return epoch_; }
    /// Who answered last.
    const resp::HostPort &answerer() const noexcept { return answerer_; }
    /// Looks where the servers are, too. Does one of them answer? errors kCacheUnavailable
    virtual Result<void> ping() = 0;

protected:
    std::unique_ptr<RedisConnection> connection_to(const resp::HostPort &server, RedisConnection::Role role) {
        return std::make_unique<RedisConnection>(target_, server, role, options_, metrics_, &epoch_);
    }

    const RedisTarget &target_;
    uint64_t epoch_ = 0;
    resp::HostPort answerer_;

private:
    const RedisOptions options_;
    Metrics *const metrics_;
};

/// target and metrics outlive it; metrics may be nullptr
std::unique_ptr<RedisClient> make_redis_client(const RedisTarget &target, const RedisOptions &options,
                                               Metrics *metrics);

}  // namespace nexus::control
