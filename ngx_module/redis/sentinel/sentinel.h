// One Sentinel, over a connection that is kept: asks it who the master is, and listens to +switch-master
// meanwhile. Whether it is believed is master_watch.h's business.
#pragma once

#include <optional>

#include "ngx_module/ngx/event.h"
#include "ngx_module/redis/connection.h"
#include "shared/resp/host_port.h"

namespace nexus::edge::redis {

class Sentinel final : private Connection::Handler {
public:
    class Owner {
    public:
        /// It has answered, or it cannot be asked. The same is told again and again.
        virtual void on_heard() noexcept = 0;

    protected:
        ~Owner() = default;
    };

    /// `address` outlives it.
    Sentinel(const RedisConf &conf, const Address &address, ngx_log_t *log, Owner &owner) noexcept;
    ~Sentinel();
    Sentinel(const Sentinel &) = delete;
    Sentinel &operator=(const Sentinel &) = delete;

    /// Begins to connect, and keeps at it.
    void start() noexcept;
    /// Asks at once, unless a question is under way.
    void ask() noexcept;

    /// Whom it named last. nullopt: nobody, or it cannot be asked any more
    const std::optional<resp::HostPort> &master() const noexcept { return master_; }
    bool was_heard() const noexcept { return was_heard_; }

private:
    /// RESP2 takes no questions while subscribed, so each is UNSUBSCRIBE, the question, SUBSCRIBE, in one
    /// write: Sentinel works through them in one go, and no event can slip through between.
    enum class Awaiting : uint8_t { kNothing, kUnsubscribed, kMaster, kSubscribed };

    void on_ready() noexcept override;
    void on_bytes() noexcept override;
    bool on_reply(const redisReply &reply) noexcept override;
    void on_closed() noexcept override;

    void on_tick() noexcept;
    bool send_question() noexcept;
    bool on_answer(const redisReply &reply);
    void heard(std::optional<resp::HostPort> master) noexcept;

    const RedisConf &conf_;
    const Address &address_;
    ngx_log_t *log_;
    Owner &owner_;
    Connection connection_;
    std::optional<resp::HostPort> master_;
    bool was_heard_ = false;
    bool has_answered_ = false;  // on this connection
    Awaiting awaiting_ = Awaiting::kNothing;
    ngx_msec_t last_byte_at_ = 0;
    bool unknown_logged_ = false;
    Event tick_timer_;
};

}  // namespace nexus::edge::redis
