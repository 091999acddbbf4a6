#include "ngx_module/redis/sentinel/sentinel.h"

#include <utility>

#include "ngx_module/ngx/guarded.h"
#include "shared/resp/announcement.h"

namespace nexus::edge::redis {
namespace {

constexpr ngx_msec_t kAskMs = 500;       // also what shows that the Sentinel lives
constexpr ngx_msec_t kSilenceMs = 1500;  // without any byte: it does not
constexpr ngx_msec_t kRetryMs = 400;
constexpr std::string_view kChannel = "+switch-master";

}  // namespace

Sentinel::Sentinel(const RedisConf &conf, const Address &address, ngx_log_t *log, Owner &owner) noexcept
    : conf_(conf),
      address_(address),
      log_(log),
      owner_(owner),
      connection_(conf, conf.sentinel_login, log, *this),
      tick_timer_(log, this, [](void *self) noexcept { static_cast<Sentinel *>(self)->on_tick(); }) {
    tick_timer_.set_cancelable(true);
}

Sentinel::~Sentinel() {
    connection_.close();
}

void Sentinel::start() noexcept {
    has_answered_ = false;
    if (!connection_.open(address_)) {
        on_closed();
    }
}

void Sentinel::on_ready() noexcept {
    last_byte_at_ = ngx_current_msec;
    if (!send_question()) {
        connection_.close();
        on_closed();
        return;
    }
    tick_timer_.arm(kAskMs);
}

void Sentinel::on_bytes() noexcept {
    last_byte_at_ = ngx_current_msec;
}

bool Sentinel::send_question() noexcept {
    const std::string_view unsubscribe[] = {"UNSUBSCRIBE", kChannel};
    const std::string_view question[] = {"SENTINEL", "get-master-addr-by-name", conf_.master_name};
    const std::string_view subscribe[] = {"SUBSCRIBE", kChannel};
    if (!connection_.send(unsubscribe) || !connection_.send(question) || !connection_.send(subscribe)) {
        return false;
    }
    awaiting_ = Awaiting::kUnsubscribed;
    return true;
}

void Sentinel::ask() noexcept {
    if (connection_.is_ready() && awaiting_ == Awaiting::kNothing) {
        tick_timer_.arm(1);
    }
}

bool Sentinel::on_reply(const redisReply &reply) noexcept {
    return guarded_or<bool>(false, log_, "a Sentinel's reply", [&] {
        if (awaiting_ == Awaiting::kMaster) {
            awaiting_ = Awaiting::kSubscribed;
            return on_answer(reply);
        }
        if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 3) {
            return false;
        }
        const std::string_view what = resp::text_of(*reply.element[0]);
        if (what == "message") {
            if (auto master = resp::parse_switch(resp::text_of(*reply.element[2]), conf_.master_name)) {
                heard(std::move(master));
            }
            return true;
        }
        if (what == "unsubscribe" && awaiting_ == Awaiting::kUnsubscribed) {
            awaiting_ = Awaiting::kMaster;
            return true;
        }
        if (what == "subscribe" && awaiting_ == Awaiting::kSubscribed) {
            awaiting_ = Awaiting::kNothing;
            if (master_) {
                connection_.confirm();
            }
            return true;
        }
        return false;
    });
}

bool Sentinel::on_answer(const redisReply &reply) {
    has_answered_ = true;
    if (reply.type == REDIS_REPLY_ERROR) {
        heard(std::nullopt);
        return false;
    }
    auto master = resp::parse_master(reply);
    const bool is_known = master.has_value();
    if (!std::exchange(unknown_logged_, !is_known) && !is_known) {
        ngx_log_error(NGX_LOG_ERR, log_, 0, "nexus: Sentinel %s knows no master \"%s\"",
                      address_.text.c_str(), conf_.master_name.c_str());
    }
    heard(std::move(master));
    return true;
}

void Sentinel::heard(std::optional<resp::HostPort> master) noexcept {
    master_ = std::move(master);
    was_heard_ = true;
    owner_.on_heard();
}

// What it said counts until it cannot be asked anew: a lost connection says nothing about the master.
void Sentinel::on_closed() noexcept {
    awaiting_ = Awaiting::kNothing;
    tick_timer_.arm(kRetryMs / 2 + static_cast<ngx_msec_t>(ngx_random()) % kRetryMs);
    heard(has_answered_ ? master_ : std::nullopt);
}

// While connected: asks. While not: the time to try again has come.
void Sentinel::on_tick() noexcept {
    if (!connection_.is_open()) {
        if (!ngx_exiting) {
            start();
        }
        return;
    }
    if (!connection_.is_ready()) {
        return;  // its connect timer decides
    }
    const bool is_silent = ngx_current_msec - last_byte_at_ >= kSilenceMs;
    if (is_silent || (awaiting_ == Awaiting::kNothing && !send_question())) {
        connection_.give_up("went silent");
        on_closed();
        return;
    }
    tick_timer_.arm(kAskMs);
}

}  // namespace nexus::edge::redis
