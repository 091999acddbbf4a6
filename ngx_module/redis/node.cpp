// The queue of commands, their replies, and the connection that comes and goes.
#include "ngx_module/redis/node.h"

#include <algorithm>
#include <utility>

#include "ngx_module/metrics/histograms.h"
#include "ngx_module/metrics/metrics.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"
#include "shared/resp/encode.h"

namespace nexus::edge::redis {
namespace {

constexpr ngx_msec_t kMinBackoffMs = 25;
constexpr ngx_msec_t kMaxBackoffMs = 500;  // with jitter 750: who comes back is found within a second
constexpr ngx_msec_t kErrorLogPauseMs = 1000;
constexpr size_t kMaxQueue = 16384;
constexpr size_t kMaxEarly = size_t{1024} * 1024;

Answer to_answer(const redisReply &reply) noexcept {
    const std::string_view text = reply.str != nullptr ? std::string_view(reply.str, reply.len) : "";
    Answer answer;
    answer.raw = &reply;
    switch (reply.type) {
        case REDIS_REPLY_STRING:
            answer.status = ReplyStatus::kValue;
            answer.text = text;
            break;
        case REDIS_REPLY_STATUS:
            answer.status = ReplyStatus::kStatus;
            answer.text = text;
            break;
        case REDIS_REPLY_NIL:
            answer.status = ReplyStatus::kNil;
            break;
        case REDIS_REPLY_INTEGER:
            answer.status = ReplyStatus::kInteger;
            answer.integer = reply.integer;
            break;
        case REDIS_REPLY_ARRAY:
            answer.status = ReplyStatus::kArray;
            break;
        case REDIS_REPLY_ERROR:
            answer.status = ReplyStatus::kError;
            answer.text = resp::first_word(text);
            answer.detail = text;
            break;
        default:
            break;
    }
    return answer;
}

}  // namespace

Node::Node(const RedisConf &conf, ngx_log_t *log, Owner &owner) noexcept
    : conf_(conf),
      log_(log),
      owner_(owner),
      connection_(conf, conf.login, log, *this),
      deadline_timer_(log, this, [](void *self) noexcept { static_cast<Node *>(self)->on_deadline(); }),
      reconnect_timer_(log, this, [](void *self) noexcept { static_cast<Node *>(self)->on_reconnect(); }),
      probe_timer_(log, this, [](void *self) noexcept { static_cast<Node *>(self)->send_probe(); }) {
    reconnect_timer_.set_cancelable(true);
    deadline_timer_.set_cancelable(true);
    probe_timer_.set_cancelable(true);
}

Node::~Node() {
    connection_.close();
}

void Node::start() noexcept {
    accepts_early_ = true;
    connect();
}

void Node::restart() noexcept {
    stop();
    backoff_ms_ = 0;
    accepts_early_ = true;
    connect_soon();
}

// From its own event: the old connection may be in its read loop, which has to end first.
void Node::connect_soon() noexcept {
    reconnect_timer_.arm(1);
}

void Node::stop() noexcept {
    accepts_early_ = false;
    connection_.close();
    reconnect_timer_.disarm();
    fail_all();
}

// Without an address the first attempt goes on until somebody knows one and calls connect_soon().
void Node::connect() noexcept {
    const Address *address = owner_.next_address(*this);
    if (address == nullptr) {
        if (!accepts_early_) {
            schedule_reconnect();
        }
        return;
    }
    if (!connection_.open(*address)) {
        on_closed();
    }
}

// Once a reply is overdue by a second time-out, each further command would only wait for its own.
bool Node::accepts_commands() noexcept {
    if (!breaker_.is_open() && !queue_.empty() && is_due(queue_.front().deadline + conf_.timeout)) {
        open_breaker();
    }
    return (connection_.is_ready() || accepts_early_) && !breaker_.is_open() && queue_.size() < kMaxQueue;
}

template <typename Append>
bool Node::enqueue(const Pending &pending, Append &&append) noexcept {
    return guarded_or<bool>(false, log_, "a Redis command", [&] {
        queue_.push_back(pending);
        queue_.back().queued_us = metrics::precise_us();
        bool sent = false;
        try {
            sent = std::forward<Append>(append)();
        } catch (...) {
            queue_.pop_back();
            throw;
        }
        if (!sent) {
            queue_.pop_back();
            return false;
        }
        if (pending.owner != nullptr) {
            pending.owner->number = head_number_ + queue_.size() - 1;
            ++live_;
        }
        metrics::count(metrics::Counter::kRedisCommands);
        arm_deadline();
        return true;
    });
}

bool Node::send(Arguments arguments, Command *command) noexcept {
    if (!accepts_commands()) {
        metrics::count(metrics::Counter::kRedisRefused);
        return false;
    }
    return enqueue({command, ngx_current_msec + conf_.timeout}, [&] {
        if (connection_.is_ready()) {
            return connection_.send(arguments);
        }
        std::string encoded;
        resp::append_command(encoded, arguments);
        return wait_for_connection(encoded);
    });
}

bool Node::wait_for_connection(std::string_view encoded) {
    if (early_.size() + encoded.size() > kMaxEarly) {
        return false;
    }
    early_.append(encoded);
    return true;
}

bool Node::send_encoded(std::string_view encoded, Command *command, ngx_msec_t deadline) noexcept {
    if (!accepts_commands()) {
        metrics::count(metrics::Counter::kRedisRefused);
        return false;
    }
    out_of_order_ = out_of_order_ || deadline != ngx_current_msec + conf_.timeout;
    return enqueue({command, deadline}, [&] {
        return connection_.is_ready() ? connection_.send_encoded(encoded) : wait_for_connection(encoded);
    });
}

void Node::cancel(Command *command) noexcept {
    if (command->number == 0) {
        return;
    }
    Pending &pending = queue_[command->number - head_number_];
    pending.owner = nullptr;
    command->number = 0;
    --live_;
    deadline_timer_.set_cancelable(live_ == 0);
}

void Node::check() noexcept {
    constexpr std::string_view kPing[] = {"PING"};
    if (connection_.is_ready() && queue_.empty()) {
        enqueue({nullptr, ngx_current_msec + conf_.timeout}, [&] { return connection_.send(kPing); });
    }
}

void Node::answer(Pending &pending, const Answer &answer) noexcept {
    Command *owner = std::exchange(pending.owner, nullptr);
    if (owner == nullptr) {
        return;
    }
    --live_;
    metrics::observe(metrics::Histogram::kRedis, metrics::precise_us() - pending.queued_us);
    owner->number = 0;
    owner->on_reply(owner, answer);
}

Node::Pending Node::take_head() noexcept {
    const Pending head = queue_.front();
    queue_.pop_front();
    ++head_number_;
    expire_number_ = std::max(expire_number_, head_number_);
    out_of_order_ = out_of_order_ && !queue_.empty();
    probing_ = probing_ && !head.is_probe;
    return head;
}

void Node::on_ready() noexcept {
    accepts_early_ = false;
    backoff_ms_ = 0;
    breaker_.reset();
    if (!in_doubt_) {
        logged_error_.clear();
        connection_.confirm();
    }
    if (!early_.empty() && !connection_.send_encoded(early_)) {
        connection_.close();
        on_closed();
        return;
    }
    early_.clear();
    owner_.on_node_ready(*this);
}

bool Node::on_reply(const redisReply &reply) noexcept {
    if (queue_.empty()) {
        in_doubt_ = true;
        return false;  // one too many: everything after it would be shifted
    }
    Pending pending = take_head();
    const bool in_time = !is_due(pending.deadline);
    if (pending.is_probe) {
        in_time ? breaker_.on_probe_in_time() : probe_timer_.arm(breaker_.pause_ms());
    } else if (in_time) {
        breaker_.on_reply_in_time();
    }

    bool keep = true;
    bool is_quiet = false;  // a replica reads for us: no outage
    const Answer got = to_answer(reply);
    if (got.status == ReplyStatus::kError) {
        metrics::count(metrics::Counter::kRedisFailures);
        const resp::ErrorKind kind = resp::kind_of_error(got.detail);
        keep = owner_.on_node_error(*this, kind) && kind != resp::ErrorKind::kNotServing;
        is_quiet = kind == resp::ErrorKind::kReadOnly;
        if (keep || is_quiet) {
            log_error(got.detail);
        }
        in_doubt_ = in_doubt_ || !keep;
    } else if (pending.owner != nullptr) {
        on_useful_answer();
    }
    answer(pending, got);
    deadline_timer_.set_cancelable(live_ == 0);
    if (!keep && is_quiet) {
        connection_.close();
        on_closed();
        return true;
    }
    return keep;
}

void Node::on_useful_answer() noexcept {
    if (in_doubt_) {
        in_doubt_ = false;
        connection_.confirm();
    }
}

// Each kind of error once, as long as it is the only one; of several that alternate, one a second.
void Node::log_error(std::string_view error) noexcept {
    const std::string_view word = resp::first_word(error);
    const resp::ErrorKind kind = resp::kind_of_error(error);
    const bool is_early = !logged_error_.empty() && ngx_current_msec - error_logged_at_ < kErrorLogPauseMs;
    if (word == logged_error_ || is_early || kind == resp::ErrorKind::kAsk ||
        kind == resp::ErrorKind::kTryAgain ||
        (kind == resp::ErrorKind::kMoved && conf_.mode == RedisConf::Mode::kCluster)) {
        return;
    }
    guarded_event(log_, "logging an error reply", [&] { logged_error_ = word; });
    error_logged_at_ = ngx_current_msec;
    ngx_str_t text = to_ngx_str(word);
    ngx_log_error(NGX_LOG_ERR, log_, 0, "nexus: Redis %s answered %V%s", conf_.name.c_str(), &text,
                  kind == resp::ErrorKind::kMoved ? ": it is a cluster, name it as cluster://" : "");
}

void Node::on_closed() noexcept {
    accepts_early_ = false;
    in_doubt_ = in_doubt_ || !queue_.empty();
    owner_.on_node_lost(*this);
    fail_all();
    schedule_reconnect();
}

// Callbacks may cancel others, so those still in the queue must be found there.
void Node::fail_all() noexcept {
    early_.clear();
    probe_timer_.disarm();
    while (!queue_.empty()) {
        Pending pending = take_head();
        answer(pending, {});
    }
    arm_deadline();
}

void Node::schedule_reconnect() noexcept {
    backoff_ms_ = std::clamp(backoff_ms_ * 2, kMinBackoffMs, kMaxBackoffMs);
    const ngx_msec_t jitter = static_cast<ngx_msec_t>(ngx_random()) % (backoff_ms_ + 1);
    reconnect_timer_.arm(backoff_ms_ / 2 + jitter);
}

void Node::on_reconnect() noexcept {
    if (!connection_.is_open() && (!ngx_exiting || live_ != 0)) {
        connect();
    }
}

// One at a time. While it is not answered, nothing else is sent; after kStallMs the connection is given up.
void Node::send_probe() noexcept {
    if (!connection_.is_ready() || probing_ || !breaker_.is_open()) {
        return;
    }
    constexpr std::string_view kPing[] = {"PING"};
    Pending probe{nullptr, ngx_current_msec + conf_.timeout, true};
    probing_ = enqueue(probe, [&] { return connection_.send(kPing); });
    if (!probing_) {
        probe_timer_.arm(breaker_.pause_ms());
    }
}

}  // namespace nexus::edge::redis
