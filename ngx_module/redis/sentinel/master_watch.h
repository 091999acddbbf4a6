// Asks Sentinels who the master is, over one connection to one of them at a time, and listens to
// +switch-master meanwhile. Whether who they name says so itself is asked by the connections to it
// (Login::must_be_master).
#pragma once

#include <optional>

#include "ngx_module/ngx/event.h"
#include "ngx_module/redis/connection.h"
#include "ngx_module/redis/name_lookup.h"

namespace nexus::edge::redis {

class MasterWatch final : private Connection::Handler {
public:
    class Owner {
    public:
        /// The same master is told again and again.
        virtual void on_master(const Address &master) noexcept = 0;

    protected:
        ~Owner() = default;
    };

    MasterWatch(const RedisConf &conf, ngx_log_t *log, Owner &owner) noexcept;
    ~MasterWatch();

    void start() noexcept;
    /// There is doubt about the master: asks at once, unless a question is under way.
    void ask() noexcept;

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
    bool on_named(const redisReply &reply);
    void use(const resp::HostPort &master);

    const RedisConf &conf_;
    ngx_log_t *log_;
    Owner &owner_;
    Connection connection_;
    NameLookup lookup_;
    size_t next_sentinel_;
    size_t failures_ = 0;  // in a row
    Awaiting awaiting_ = Awaiting::kNothing;
    ngx_msec_t last_byte_at_ = 0;
    bool unknown_logged_ = false;
    Event tick_timer_;
};

}  // namespace nexus::edge::redis
