// One server over one pipelined connection: time-outs, breaker, reconnect. One reply per command in order is
// all the protocol promises, so a command whose owner has gone keeps its place and its late reply is dropped.
// Which server it is, and what follows from an error, is its owner's business.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "ngx_module/ngx/event.h"
#include "ngx_module/redis/breaker.h"
#include "ngx_module/redis/command.h"
#include "ngx_module/redis/connection.h"
#include "shared/resp/error_reply.h"

namespace nexus::edge::redis {

class Node final : private Connection::Handler {
public:
    /// None of these may destroy the node.
    class Owner {
    public:
        /// Where to connect to next. nullptr: nobody knows at the moment
        virtual const Address *next_address(Node &node) noexcept = 0;
        virtual void on_node_ready(Node &) noexcept {}
        /// The connection was lost, or there was none; its commands fail after this.
        virtual void on_node_lost(Node &) noexcept {}
        /// An error reply came. returns false if the connection is of no more use
        virtual bool on_node_error(Node &node, resp::ErrorKind kind) noexcept = 0;

    protected:
        ~Owner() = default;
    };

    Node(const RedisConf &conf, ngx_log_t *log, Owner &owner) noexcept;
    ~Node();
    Node(const Node &) = delete;
    Node &operator=(const Node &) = delete;

    /// Begins to connect, and keeps at it. Until the first attempt has ended, commands may wait for it.
    void start() noexcept;
    /// Connects anew, now: the address has changed. What was sent fails.
    void restart() noexcept;
    /// Tries again now: the address is known at last.
    void connect_soon() noexcept;
    /// Closes for good. What was sent fails.
    void stop() noexcept;

    /// false: the server cannot be asked now (down, breaker open, too much waiting); `on_reply` is not
    /// called. `command`: nullptr if nobody wants the reply.
    bool send(Arguments arguments, Command *command) noexcept;
    /// The same for a command that is encoded already and has been waiting since earlier.
    bool send_encoded(std::string_view encoded, Command *command, ngx_msec_t deadline) noexcept;
    void cancel(Command *command) noexcept;
    /// There is doubt whether it is still there: asks it something, unless it has something to answer anyway.
    void check() noexcept;

    bool is_ready() const noexcept { return connection_.is_ready(); }
    /// Where it is connected to, or was last.
    const Address &address() const noexcept { return connection_.address(); }

private:
    struct Pending {
        Command *owner;  // nullptr: gone, or timed out
        ngx_msec_t deadline;
        bool is_probe = false;
        uint64_t queued_us = 0;
    };

    void on_ready() noexcept override;
    bool on_reply(const redisReply &reply) noexcept override;
    void on_closed() noexcept override;

    template <typename Append>
    bool enqueue(const Pending &pending, Append &&append) noexcept;
    bool wait_for_connection(std::string_view encoded);
    bool accepts_commands() noexcept;
    void connect() noexcept;
    void schedule_reconnect() noexcept;
    void on_reconnect() noexcept;
    void fail_all() noexcept;
    void answer(Pending &pending, const Answer &answer) noexcept;
    Pending take_head() noexcept;

    void arm_deadline() noexcept;
    void on_deadline() noexcept;
    bool is_due(ngx_msec_t deadline) const noexcept;

    void open_breaker() noexcept;
    void send_probe() noexcept;
    void on_useful_answer() noexcept;
    void log_error(std::string_view error) noexcept;

    const RedisConf &conf_;
    ngx_log_t *log_;
    Owner &owner_;
    Connection connection_;

    std::deque<Pending> queue_;   // in the order of replies; of deadlines too, but for commands sent again
    uint64_t head_number_ = 1;    // of queue_.front()
    uint64_t expire_number_ = 1;  // the first that has not been looked at for its time-out
    size_t live_ = 0;             // with an owner
    std::string early_;           // what was sent before the first connection was ready
    bool accepts_early_ = false;  // the first connection attempt: commands may wait for it
    bool out_of_order_ = false;   // some deadline in the queue is earlier than one before it

    Breaker breaker_;
    bool probing_ = false;  // a probe is in the queue
    ngx_msec_t backoff_ms_ = 0;
    bool in_doubt_ = false;     // the connection before was of no use, though it was greeted well
    std::string logged_error_;  // the last one's first word
    ngx_msec_t error_logged_at_ = 0;
    Event deadline_timer_;
    Event reconnect_timer_;
    Event probe_timer_;
};

}  // namespace nexus::edge::redis
