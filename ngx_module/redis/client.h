// GET over one pipelined connection per worker: time-outs, breaker, reconnect. One reply per command in order
// is all the protocol promises, so a command whose owner has gone keeps its place and its late reply is
// dropped.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "ngx_module/ngx/event.h"
#include "ngx_module/redis/connection.h"

namespace nexus::edge::redis {

enum class ReplyStatus : uint8_t {
    kValue,
    kNil,
    kFailed,  // error reply, time-out, or the connection was lost
};

/// A command that waits for its reply. Belongs to the caller, who must cancel it before it goes.
struct Command {
    /// Called once, unless cancelled. `value` is only valid during the call.
    void (*on_reply)(Command *command, ReplyStatus status, std::string_view value) noexcept = nullptr;
    void *data = nullptr;
    uint64_t number = 0;  // the client's; 0 = not waiting
};

class Client final : private Connection::Handler {
public:
    Client(const RedisConf &conf, ngx_log_t *log) noexcept;
    ~Client();

    /// Begins to connect. To be called once, in the worker.
    void start() noexcept;

    /// Asks for a key. false: Redis cannot be asked now (down, stalled, too much waiting); `on_reply` is not
    /// called.
    bool get(std::string_view key, Command *command) noexcept;
    void cancel(Command *command) noexcept;

private:
    struct Pending {
        Command *owner;  // nullptr: gone, or timed out
        ngx_msec_t deadline;
    };

    void on_ready() noexcept override;
    bool on_reply(const redisReply &reply) noexcept override;
    void on_closed() noexcept override;

    void on_deadline() noexcept;
    void on_reconnect() noexcept;
    void connect() noexcept;
    void schedule_reconnect() noexcept;
    void fail_all() noexcept;
    void arm_deadline() noexcept;
    void answer(Pending &pending, ReplyStatus status, std::string_view value) noexcept;
    bool is_stalled() const noexcept;

    const RedisConf &conf_;
    ngx_log_t *log_;
    Connection connection_;

    std::deque<Pending> queue_;      // in the order of replies, and of deadlines
    uint64_t head_number_ = 1;       // of queue_.front()
    uint64_t expire_number_ = 1;     // the first that has not been looked at for its time-out
    size_t live_ = 0;                // with an owner
    std::deque<std::string> early_;  // keys asked for before the first connection was ready
    bool accepts_early_ = false;     // the first connection attempt: commands may wait for it

    ngx_msec_t backoff_ms_ = 0;
    Event deadline_timer_;
    Event reconnect_timer_;
};

}  // namespace nexus::edge::redis
