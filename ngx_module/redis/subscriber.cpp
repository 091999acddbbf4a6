// SUBSCRIBE, PING every half second, and what to do with a message.
#include "ngx_module/redis/subscriber.h"

#include <algorithm>
#include <optional>

#include "ngx_module/metrics/metrics.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/record/kind.h"
#include "shared/redis/keys.h"
#include "shared/resp/host_port.h"

namespace nexus::edge::redis {
namespace {

constexpr ngx_msec_t kPingMs = 500;
constexpr ngx_msec_t kSilenceMs = 1500;  // without any byte: the connection is dead
constexpr ngx_msec_t kMinBackoffMs = 50;
constexpr ngx_msec_t kMaxBackoffMs = 500;

}  // namespace

Subscriber::Subscriber(const RedisConf &conf, Client &client, cache::Records &records,
                       cache::Flights &flights, ngx_log_t *log) noexcept
    : client_(client),
      records_(records),
      flights_(flights),
      log_(log),
      connection_(conf, conf.login, log, *this),
      tick_timer_(log, this, [](void *self) noexcept { static_cast<Subscriber *>(self)->on_tick(); }) {
    tick_timer_.set_cancelable(true);
    client_.set_watcher(this);
}

Subscriber::~Subscriber() {
    client_.set_watcher(nullptr);
    connection_.close();
}

void Subscriber::start() noexcept {
    const Address *server = client_.next_event_server();
    if (server == nullptr) {
        retry_later();
    } else if (!connection_.open(*server)) {
        on_closed();
    }
}

// A server that was demoted or has left may still answer pings, but events happen elsewhere.
void Subscriber::on_servers_changed() noexcept {
    if (connection_.is_open() && client_.is_event_server(connection_.address())) {
        return;
    }
    connection_.close();
    retry_later();
    tick_timer_.arm(1);
}

void Subscriber::on_ready() noexcept {
    last_byte_at_ = ngx_current_msec;
    const std::string_view subscribe[] = {"SUBSCRIBE", nexus::redis::kEventChannel};
    if (!connection_.send(subscribe)) {
        connection_.close();
        on_closed();
        return;
    }
    tick_timer_.arm(kPingMs);
}

void Subscriber::on_bytes() noexcept {
    last_byte_at_ = ngx_current_msec;
    if (subscribed_) {
        renew_lease();
    }
}

// A worker of an earlier configuration may listen to another Redis for as long as its last request takes:
// what it hears is applied, but does not stand for what is said where the others ask.
void Subscriber::renew_lease() noexcept {
    if (!ngx_exiting) {
        records_.zone().header().lease_at.store(cache::monotonic_ms(), std::memory_order_relaxed);
    }
}

bool Subscriber::on_reply(const redisReply &reply) noexcept {
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements < 2) {
        return false;
    }
    const std::string_view what = resp::text_of(*reply.element[0]);
    if (what == "pong") {
        return true;
    }
    if (what == "subscribe") {
        // What was fetched before this moment may have missed an event while nobody listened.
        records_.zone().header().subscribed_at.store(cache::monotonic_ms(), std::memory_order_relaxed);
        renew_lease();
        subscribed_ = true;
        backoff_ms_ = 0;
        connection_.confirm();
        return true;
    }
    if (what == "message" && reply.elements == 3) {
        guarded_event(log_, "an event", [&] { on_event(resp::text_of(*reply.element[2])); });
        return true;
    }
    return false;
}

void Subscriber::on_event(std::string_view json) {
    const auto event = nexus::redis::parse_event(json);
    if (!event) {
        ngx_log_error(NGX_LOG_WARN, log_, 0, "nexus: ignored a malformed event");
        return;
    }
    const std::optional<cache::Key> key = cache::parse_key(record_kind_of(event->kind), event->id);
    if (!key) {
        ngx_log_error(NGX_LOG_WARN, log_, 0, "nexus: ignored an event with a malformed id");
        return;
    }
    // In this order: a fetch that is about to store sees the first, or is overtaken by the second.
    flights_.on_event(*key, event->generation);
    if (event->generation != 0) {  // 0: another edge has asked in vain
        metrics::count(metrics::Counter::kRedisEvents);
        records_.invalidate(*key, event->generation);
    }
}

// The client may know of another server at once, and say so within.
void Subscriber::on_closed() noexcept {
    retry_later();
    client_.on_event_server_lost();
}

void Subscriber::retry_later() noexcept {
    subscribed_ = false;
    backoff_ms_ = std::clamp(backoff_ms_ * 2, kMinBackoffMs, kMaxBackoffMs);
    tick_timer_.arm(backoff_ms_ / 2 + static_cast<ngx_msec_t>(ngx_random()) % (backoff_ms_ + 1));
}

// While connected: pings. While not: the time to try again has come.
void Subscriber::on_tick() noexcept {
    if (!connection_.is_open()) {
        if (!ngx_exiting) {
            start();
        }
        return;
    }
    constexpr std::string_view kPing[] = {"PING"};
    if (ngx_current_msec - last_byte_at_ >= kSilenceMs || !connection_.send(kPing)) {
        connection_.give_up("went silent, with the event subscription");
        on_closed();
        return;
    }
    tick_timer_.arm(kPingMs);
}

}  // namespace nexus::edge::redis
