#include "ngx_module/redis/sentinel/master_watch.h"

#include <algorithm>

#include "ngx_module/ngx/guarded.h"
#include "shared/resp/announcement.h"

namespace nexus::edge::redis {
namespace {

constexpr ngx_msec_t kAskMs = 500;       // also what shows that the Sentinel lives
constexpr ngx_msec_t kSilenceMs = 1500;  // without any byte: it does not
constexpr ngx_msec_t kRetryMs = 400;     // once all Sentinels have failed
constexpr std::string_view kChannel = "+switch-master";

}  // namespace

MasterWatch::MasterWatch(const RedisConf &conf, ngx_log_t *log, Owner &owner) noexcept
    : conf_(conf),
      log_(log),
      owner_(owner),
      connection_(conf, conf.sentinel_login, log, *this),
      lookup_(conf, log),
      next_sentinel_(static_cast<size_t>(ngx_random()) % conf.servers.size()),
      tick_timer_(log, this, [](void *self) noexcept { static_cast<MasterWatch *>(self)->on_tick(); }) {
    tick_timer_.set_cancelable(true);
}

MasterWatch::~MasterWatch() {
    connection_.close();
}

void MasterWatch::start() noexcept {
    if (!connection_.open(conf_.servers[next_sentinel_++ % conf_.servers.size()])) {
        on_closed();
    }
}

void MasterWatch::on_ready() noexcept {
    last_byte_at_ = ngx_current_msec;
    if (!send_question()) {
        connection_.close();
        on_closed();
        return;
    }
    tick_timer_.arm(kAskMs);
}

void MasterWatch::on_bytes() noexcept {
    last_byte_at_ = ngx_current_msec;
}

bool MasterWatch::send_question() noexcept {
    const std::string_view unsubscribe[] = {"UNSUBSCRIBE", kChannel};
    const std::string_view question[] = {"SENTINEL", "get-master-addr-by-name", conf_.master_name};
    const std::string_view subscribe[] = {"SUBSCRIBE", kChannel};
    if (!connection_.send(unsubscribe) || !connection_.send(question) || !connection_.send(subscribe)) {
        return false;
    }
    awaiting_ = Awaiting::kUnsubscribed;
    return true;
}

void MasterWatch::ask() noexcept {
    if (connection_.is_ready() && awaiting_ == Awaiting::kNothing) {
        tick_timer_.arm(1);
    }
}

bool MasterWatch::on_reply(const redisReply &reply) noexcept {
    return guarded_or<bool>(false, log_, "a Sentinel's reply", [&] {
        if (awaiting_ == Awaiting::kMaster) {
            awaiting_ = Awaiting::kSubscribed;
            return on_named(reply);
        }
        if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 3) {
            return false;
        }
        const std::string_view what = resp::text_of(*reply.element[0]);
        if (what == "message") {
            if (const auto master = resp::parse_switch(resp::text_of(*reply.element[2]), conf_.master_name)) {
                use(*master);
            }
            return true;
        }
        if (what == "unsubscribe" && awaiting_ == Awaiting::kUnsubscribed) {
            awaiting_ = Awaiting::kMaster;
            return true;
        }
        if (what == "subscribe" && awaiting_ == Awaiting::kSubscribed) {
            awaiting_ = Awaiting::kNothing;
            failures_ = 0;
            return true;
        }
        return false;
    });
}

bool MasterWatch::on_named(const redisReply &reply) {
    const auto master = resp::parse_master(reply);
    if (!master) {
        if (!unknown_logged_) {
            unknown_logged_ = true;
            ngx_log_error(NGX_LOG_ERR, log_, 0, "nexus: Sentinel %s knows no master \"%s\"",
                          connection_.address().text.c_str(), conf_.master_name.c_str());
        }
        return false;  // another one may
    }
    unknown_logged_ = false;
    use(*master);
    return true;
}

void MasterWatch::use(const resp::HostPort &master) {
    lookup_.start(master, [this](std::optional<Address> address) {
        if (address) {
            owner_.on_master(*address);
        }
    });
}

void MasterWatch::on_closed() noexcept {
    awaiting_ = Awaiting::kNothing;
    ++failures_;
    // The others at once, and then all of them again after a while.
    const ngx_msec_t jitter = static_cast<ngx_msec_t>(ngx_random()) % kRetryMs;
    tick_timer_.arm(failures_ % conf_.servers.size() == 0 ? kRetryMs / 2 + jitter : 1 + jitter / 20);
}

// While connected: asks. While not: the time to try another one has come.
void MasterWatch::on_tick() noexcept {
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
        connection_.close();
        on_closed();
        return;
    }
    tick_timer_.arm(kAskMs);
}

}  // namespace nexus::edge::redis
