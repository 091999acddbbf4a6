// Listens to nexus:events and takes what is outdated out of L1. One per nginx, in worker 0. That it listens
// is written down as a lease in the zone: an up/down flag would be left wrong when old and new workers
// overlap.
#pragma once

#include "ngx_module/cache/flights.h"
#include "ngx_module/cache/records.h"
#include "ngx_module/ngx/event.h"
#include "ngx_module/redis/client.h"
#include "ngx_module/redis/connection.h"

namespace nexus::edge::redis {

class Subscriber final : private Connection::Handler, private Client::Watcher {
public:
    /// `client` knows the servers; it outlives the subscriber.
    Subscriber(const RedisConf &conf, Client &client, cache::Records &records, cache::Flights &flights,
               ngx_log_t *log) noexcept;
    ~Subscriber();

    void start() noexcept;

private:
    void on_ready() noexcept override;
    void on_bytes() noexcept override;
    bool on_reply(const redisReply &reply) noexcept override;
    void on_closed() noexcept override;
    void on_servers_changed() noexcept override;

    void retry_later() noexcept;
    void on_tick() noexcept;
    void on_event(std::string_view json);
    void renew_lease() noexcept;

    Client &client_;
    cache::Records &records_;
    cache::Flights &flights_;
    ngx_log_t *log_;
    Connection connection_;
    bool subscribed_ = false;
    ngx_msec_t last_byte_at_ = 0;
    ngx_msec_t backoff_ms_ = 0;
    Event tick_timer_;
};

}  // namespace nexus::edge::redis
