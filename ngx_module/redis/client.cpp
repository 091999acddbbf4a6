// The queue of commands and its one timer. All commands have the same time-out, so that the queue is in the
// order of deadlines as well.
#include "ngx_module/redis/client.h"

#include <algorithm>
#include <utility>

#include "ngx_module/metrics.h"
#include "ngx_module/ngx/guarded.h"

namespace nexus::edge::redis {
namespace {

constexpr ngx_msec_t kStallMs = 1000;  // the head overdue by this much: the connection is given up
constexpr ngx_msec_t kMinBackoffMs = 25;
constexpr ngx_msec_t kMaxBackoffMs = 2000;
constexpr size_t kMaxQueue = 16384;

}  // namespace

Client::Client(const RedisConf &conf, ngx_log_t *log) noexcept
    : conf_(conf),
      log_(log),
      connection_(conf, log, *this),
      deadline_timer_(log, this, [](void *self) noexcept { static_cast<Client *>(self)->on_deadline(); }),
      reconnect_timer_(log, this, [](void *self) noexcept { static_cast<Client *>(self)->on_reconnect(); }) {
    reconnect_timer_.set_cancelable(true);
    deadline_timer_.set_cancelable(true);
}

Client::~Client() {
    connection_.close();
}

void Client::start() noexcept {
    accepts_early_ = true;
    connect();
}

void Client::connect() noexcept {
    if (!connection_.open()) {
        on_closed();
    }
}

bool Client::is_stalled() const noexcept {
    // Once a reply is overdue by a second time-out, each further command would only wait for its own.
    return !queue_.empty() &&
           static_cast<ngx_msec_int_t>(ngx_current_msec - queue_.front().deadline - conf_.timeout) >= 0;
}

bool Client::get(std::string_view key, Command *command) noexcept {
    const bool early = accepts_early_ && !connection_.is_ready();
    if ((!early && !connection_.is_ready()) || is_stalled() || queue_.size() >= kMaxQueue) {
        return false;
    }

    return guarded_or<bool>(false, log_, "a Redis GET", [&] {
        queue_.push_back({command, ngx_current_msec + conf_.timeout});
        bool sent = false;
        try {
            if (early) {
                early_.emplace_back(key);
                sent = true;
            } else {
                sent = connection_.send({"GET", key});
            }
        } catch (...) {
            queue_.pop_back();
            throw;
        }
        if (!sent) {
            queue_.pop_back();
            return false;
        }
        command->number = head_number_ + queue_.size() - 1;
        ++live_;
        metrics::count(metrics::Counter::kRedisCommands);
        arm_deadline();
        return true;
    });
}

void Client::cancel(Command *command) noexcept {
    if (command->number == 0) {
        return;
    }
    Pending &pending = queue_[command->number - head_number_];
    pending.owner = nullptr;
    command->number = 0;
    --live_;
    deadline_timer_.set_cancelable(live_ == 0);
}

void Client::answer(Pending &pending, ReplyStatus status, std::string_view value) noexcept {
    Command *owner = std::exchange(pending.owner, nullptr);
    if (owner == nullptr) {
        return;
    }
    --live_;
    owner->number = 0;
    owner->on_reply(owner, status, value);
}

void Client::on_ready() noexcept {
    accepts_early_ = false;
    backoff_ms_ = 0;
    for (const std::string &key : early_) {
        if (!connection_.send({"GET", key})) {
            connection_.close();
            early_.clear();
            on_closed();
            return;
        }
    }
    early_.clear();
}

bool Client::on_reply(const redisReply &reply) noexcept {
    if (queue_.empty()) {
        return false;  // one too many: everything after it would be shifted
    }
    Pending pending = queue_.front();
    queue_.pop_front();
    ++head_number_;
    expire_number_ = std::max(expire_number_, head_number_);

    bool keep = true;
    switch (reply.type) {
        case REDIS_REPLY_STRING:
            answer(pending, ReplyStatus::kValue, {reply.str, reply.len});
            break;
        case REDIS_REPLY_NIL:
            answer(pending, ReplyStatus::kNil, {});
            break;
        case REDIS_REPLY_ERROR:
            metrics::count(metrics::Counter::kRedisFailures);
            // The server does not serve us any more, as opposed to: this one command was wrong.
            keep = !std::string_view(reply.str, reply.len).starts_with("NOAUTH") &&
                   !std::string_view(reply.str, reply.len).starts_with("LOADING");
            answer(pending, ReplyStatus::kFailed, {});
            break;
        default:
            keep = false;
            answer(pending, ReplyStatus::kFailed, {});
            break;
    }
    deadline_timer_.set_cancelable(live_ == 0);
    return keep;
}

void Client::on_closed() noexcept {
    accepts_early_ = false;
    fail_all();
    schedule_reconnect();
}

// Callbacks may cancel others, so those still in the queue must be found there.
void Client::fail_all() noexcept {
    early_.clear();
    while (!queue_.empty()) {
        Pending pending = queue_.front();
        queue_.pop_front();
        ++head_number_;
        expire_number_ = std::max(expire_number_, head_number_);
        answer(pending, ReplyStatus::kFailed, {});
    }
    arm_deadline();
}

void Client::schedule_reconnect() noexcept {
    backoff_ms_ = std::clamp(backoff_ms_ * 2, kMinBackoffMs, kMaxBackoffMs);
    const ngx_msec_t jitter = static_cast<ngx_msec_t>(ngx_random()) % (backoff_ms_ + 1);
    reconnect_timer_.arm(backoff_ms_ / 2 + jitter);
}

void Client::on_reconnect() noexcept {
    if (!ngx_exiting || live_ != 0) {
        connect();
    }
}

// The timer is armed for the first deadline that has not passed, or else for giving the connection up.
void Client::arm_deadline() noexcept {
    deadline_timer_.set_cancelable(live_ == 0);
    if (queue_.empty()) {
        deadline_timer_.disarm();
        return;
    }
    const size_t next = expire_number_ - head_number_;
    const ngx_msec_t at = next < queue_.size() ? queue_[next].deadline : queue_.front().deadline + kStallMs;
    if (!deadline_timer_.is_armed() || next + 1 == queue_.size()) {
        const auto ms = static_cast<ngx_msec_int_t>(at - ngx_current_msec);
        deadline_timer_.arm(ms > 0 ? static_cast<ngx_msec_t>(ms) : 1);
    }
}

void Client::on_deadline() noexcept {
    if (!queue_.empty() &&
        static_cast<ngx_msec_int_t>(ngx_current_msec - queue_.front().deadline - kStallMs) >= 0) {
        ngx_log_error(NGX_LOG_ERR, log_, 0, "nexus: Redis %s has stalled, reconnecting", conf_.name.c_str());
        connection_.close();
        on_closed();
        return;
    }

    while (expire_number_ - head_number_ < queue_.size()) {
        Pending &pending = queue_[expire_number_ - head_number_];
        if (static_cast<ngx_msec_int_t>(ngx_current_msec - pending.deadline) < 0) {
            break;
        }
        ++expire_number_;
        if (pending.owner != nullptr) {
            metrics::count(metrics::Counter::kRedisTimeouts);
            Pending expired = std::exchange(pending, Pending{nullptr, pending.deadline});
            answer(expired, ReplyStatus::kFailed, {});
        }
    }
    arm_deadline();
}

}  // namespace nexus::edge::redis
