// One blocking connection to one server: AUTH, SELECT, scripts by their digest, time-outs. It reconnects by
// itself and fails fast while the server is away. Used by one thread at a time.
#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "control_plane/config/redis_target.h"
#include "control_plane/redis/socket.h"
#include "shared/resp/error_reply.h"
#include "shared/resp/reader.h"
#include "shared/result.h"

namespace nexus::control {

class Metrics;

struct RedisOptions {
    std::chrono::milliseconds connect_timeout{500};
    std::chrono::milliseconds command_timeout{1000};
    std::chrono::milliseconds retry_after{250};  // after a failed connect, fail fast for so long; twice, four
                                                 // and eight times as long after more of them
    std::chrono::milliseconds look_every{1000};  // whether the servers are still the same
};

using Words = std::span<const std::string_view>;

class RedisConnection {
public:
    enum class Role : uint8_t {
        kAny,
        kMaster,    // a server that says it is a replica is left again
        kSentinel,  // greeted as one: its own login, no database
    };

    /// target, metrics and reconnects outlive it
    /// reconnects  counts how often it was lost and connected anew; nullptr: nobody wants to know
    RedisConnection(const RedisTarget &target, resp::HostPort server, Role role, const RedisOptions &options,
                    Metrics *metrics, uint64_t *reconnects = nullptr);
    RedisConnection(const RedisConnection &) = delete;
    RedisConnection &operator=(const RedisConnection &) = delete;

    const resp::HostPort &server() const { return server_; }

    /// Connects if needed. A lost connection is tried once more, since Redis may have been restarted
    /// meanwhile. The reply may be one of Redis' errors.
    /// errors kCacheUnavailable: not reachable, not to be logged in to, timed out
    Result<resp::Reply> command(std::initializer_list<std::string_view> words) {
        return run(words_of(words));
    }
    /// EVALSHA with one key, and EVAL where Redis does not know the script.
    /// is_asking  the slot is on its way here (ASK)
    Result<resp::Reply> script(std::string_view text, std::string_view key, Words arguments,
                               bool is_asking = false);

    /// The next command connects anew.
    void close() noexcept { link_.reset(); }

private:
    /// A connection, and what has come over it but is not a whole reply yet.
    struct Link {
        explicit Link(RedisSocket connected) : socket(std::move(connected)), reader(resp::kTableReplies) {}
        RedisSocket socket;
        resp::ReplyReader reader;
    };

    static Words words_of(std::initializer_list<std::string_view> words) {
        return {words.begin(), words.size()};
    }

    Result<void> connect();
    Result<void> connect_now();
    Result<void> greet();
    void put_off() noexcept;
    Result<resp::Reply> exchange(Words words);
    Result<resp::Reply> read(RedisSocket::Deadline deadline);
    Result<resp::Reply> ask(Words words);
    Result<resp::Reply> run(Words words);  // counted

    const RedisTarget &target_;
    const resp::HostPort server_;
    const Role role_;
    const RedisOptions options_;
    Metrics *const metrics_;
    uint64_t *const reconnects_;
    std::unique_ptr<Link> link_;                          // null: not connected
    std::chrono::steady_clock::time_point not_before_{};  // after failures
    int failures_ = 0;                                    // in a row
    bool was_connected_ = false;
    std::string logged_problem_;  // why there is no connection, as it was logged
};

/// The reply, unless it is an error: that is logged by its first word, the rest may quote arguments.
/// errors kCacheUnavailable
Result<resp::Reply> checked(Result<resp::Reply> reply);
/// What an error means; nullopt: the reply is none.
std::optional<resp::ErrorKind> error_kind(const resp::Reply &reply);

}  // namespace nexus::control
