// One blocking connection to Redis: time-outs, AUTH, SELECT, scripts by their digest. Used by one thread at a
// time.
#pragma once

#include <chrono>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control_plane/cache/cache_writer.h"
#include "control_plane/config/config.h"

namespace nexus::control {
class Metrics;
}

struct redisContext;
struct redisReply;

namespace nexus::control {

struct FreeReply {
    void operator()(redisReply *reply) const noexcept;
};
using ReplyPtr = std::unique_ptr<redisReply, FreeReply>;

class RedisConnection {
public:
    RedisConnection(const RedisTarget &target, const RedisOptions &options, Metrics *metrics = nullptr);
    ~RedisConnection();
    RedisConnection(const RedisConnection &) = delete;
    RedisConnection &operator=(const RedisConnection &) = delete;

    /// Connects if needed. A lost connection is tried once more, since Redis may have been restarted
    /// meanwhile. errors kCacheUnavailable: not reachable, timed out, or Redis answered with an error
    Result<ReplyPtr> command(std::initializer_list<std::string_view> arguments);
    /// EVALSHA, with EVAL where Redis does not know the script. keys  how many of `arguments` are keys
    Result<ReplyPtr> script(std::string_view text, size_t keys,
                            std::initializer_list<std::string_view> arguments);

private:
    struct FreeContext {
        void operator()(redisContext *context) const noexcept;
    };

    Result<void> connect();
    ReplyPtr send(const std::vector<std::string_view> &arguments);  // null: the connection is lost
    Result<ReplyPtr> checked(ReplyPtr reply);
    Result<ReplyPtr> run(const std::vector<std::string_view> &arguments);  // counted
    Result<ReplyPtr> ask(const std::vector<std::string_view> &arguments);

    const RedisTarget &target_;
    const RedisOptions options_;
    Metrics *const metrics_;
    std::unique_ptr<redisContext, FreeContext> context_;
    std::chrono::steady_clock::time_point not_before_{};  // after a failed connect
};

}  // namespace nexus::control
