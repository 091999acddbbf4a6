// The connection's state machine: connecting, greeting, ready, lost. TLS in between is connection_tls.cpp.
#include "ngx_module/redis/connection.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "ngx_module/metrics/metrics.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"
#include "shared/resp/announcement.h"
#include "shared/resp/encode.h"
#include "shared/resp/error_reply.h"
#include "shared/resp/host_port.h"

namespace nexus::edge::redis {
namespace {

constexpr size_t kReadChunk = size_t{16} * 1024;
constexpr int kReadsPerTurn = 16;  // then other connections have their turn
constexpr size_t kMaxUnsent = size_t{4} * 1024 * 1024;

ngx_int_t get_peer(ngx_peer_connection_t *, void *) noexcept {
    return NGX_OK;  // sockaddr is set already
}

/// The text is the server's; its first word (NOAUTH, WRONGPASS, LOADING) is all that is needed. Empty: there
/// is none.
std::string_view refusal_in(const redisReply &reply) noexcept {
    return reply.type == REDIS_REPLY_ERROR ? resp::first_word(resp::error_of(reply)) : std::string_view();
}

}  // namespace

Connection::Connection(const RedisConf &conf, const Login &login, ngx_log_t *log, Handler &handler) noexcept
    : conf_(conf),
      login_(login),
      log_(log),
      handler_(handler),
      flush_event_(log, this, [](void *self) noexcept { static_cast<Connection *>(self)->flush(); }),
      connect_timer_(log, this, [](void *self) noexcept {
          static_cast<Connection *>(self)->lose("did not answer in time", 0);
      }) {
    connect_timer_.set_cancelable(true);
}

Connection::~Connection() {
    release();
}

bool Connection::open(const Address &address) noexcept {
    reader_.emplace(conf_.mode == RedisConf::Mode::kSingle ? resp::kFlatReplies : resp::kTableReplies);
    const bool prepared = guarded_or<bool>(false, log_, "connecting to Redis", [&] {
        address_ = address;
        return reader_->is_valid();
    });
    if (!prepared) {
        return false;
    }
    peer_name_ = to_ngx_str(address_.text);
    ngx_peer_connection_t pc;
    ngx_memzero(&pc, sizeof pc);
    pc.sockaddr = reinterpret_cast<sockaddr *>(&address_.sockaddr);
    pc.socklen = address_.size;
    pc.name = &peer_name_;
    pc.get = get_peer;
    // A Unix socket refuses at once, and nginx would say so at each try: it is said by log_loss, once.
    ngx_log_t quiet = *log_;
    quiet.log_level = NGX_LOG_EMERG;
    pc.log = &quiet;
    pc.log_error = NGX_ERROR_ERR;

    const ngx_int_t rc = ngx_event_connect_peer(&pc);
    const ngx_err_t err = ngx_socket_errno;
    if (rc != NGX_OK && rc != NGX_AGAIN) {
        log_loss("cannot be reached", "", err);
        // NGX_DECLINED has closed it; the others may have left it open.
        if (pc.connection != nullptr) {
            ngx_close_connection(pc.connection);
        }
        reader_.reset();
        count_failure();
        return false;
    }

    connection_ = pc.connection;
    connection_->log = log_;
    connection_->read->log = log_;
    connection_->write->log = log_;
    connection_->data = this;
    set_handlers();
    out_.clear();
    sent_ = 0;
    connected_ = false;
    handshaking_ = false;
    ready_ = false;
    close_asked_ = false;
    connect_timer_.arm(conf_.connect_timeout);
    if (rc == NGX_OK) {
        ngx_post_event(connection_->write, &ngx_posted_events);
    }
    return true;
}

void Connection::set_handlers() noexcept {
    connection_->read->handler = on_read_event;
    connection_->write->handler = on_write_event;
}

void Connection::on_connected() noexcept {
    if (connection_->tcp_nodelay == NGX_TCP_NODELAY_UNSET && ngx_tcp_nodelay(connection_) != NGX_OK) {
        // The commands are sent all the same, some later than they could be.
        ngx_log_error(NGX_LOG_WARN, log_, 0, "nexus: no TCP_NODELAY to Redis %V", &peer_name_);
    }
    if (login_.tls != nullptr) {
        begin_tls();
        return;
    }
    connected_ = true;
    greet();
}

// connect() succeeds against a stopped server: only a reply says that it is there.
void Connection::greet() noexcept {
    greetings_left_ = 1;
    role_asked_ = login_.must_be_master;
    bool sent = true;
    if (!login_.password.empty()) {
        ++greetings_left_;
        const std::string_view words[] = {"AUTH", login_.user, login_.password.view()};
        const std::string_view without_user[] = {words[0], words[2]};
        sent = login_.user.empty() ? send(without_user) : send(words);
    }
    if (sent && login_.database != 0) {
        ++greetings_left_;
        char digits[16];
        const auto end = std::to_chars(std::begin(digits), std::end(digits), login_.database).ptr;
        const std::string_view words[] = {"SELECT", {digits, static_cast<size_t>(end - digits)}};
        sent = send(words);
    }
    if (sent && role_asked_) {
        ++greetings_left_;
        constexpr std::string_view kRole[] = {"ROLE"};
        sent = send(kRole);
    }
    constexpr std::string_view kPing[] = {"PING"};
    if (!sent || !send(kPing)) {
        close_asked_ = true;
        flush_event_.post();
    }
}

bool Connection::on_greeting(const redisReply &reply) noexcept {
    const bool is_role_reply = role_asked_ && greetings_left_ == 2;
    if (is_role_reply && reply.type == REDIS_REPLY_ARRAY && !resp::is_role(reply, "master")) {
        log_loss("is no master (any more)", "", 0);
        return false;
    }
    if (reply.type != (is_role_reply ? REDIS_REPLY_ARRAY : REDIS_REPLY_STATUS)) {
        log_loss("refused the greeting",
                 reply.type == REDIS_REPLY_ERROR ? refusal_in(reply) : "unexpected reply", 0);
        return false;
    }
    if (--greetings_left_ == 0) {
        ready_ = true;
        connect_timer_.disarm();
        metrics::count(metrics::Counter::kRedisConnects);
        handler_.on_ready();
    }
    return true;
}

bool Connection::on_answer(const redisReply &reply) noexcept {
    if (handler_.on_reply(reply)) {
        return true;
    }
    say(Said::kUseless, "is left after what it answered", refusal_in(reply), 0);
    return false;
}

template <typename Append>
bool Connection::append(Append &&append) noexcept {
    if (connection_ == nullptr || out_.size() - sent_ > kMaxUnsent) {
        return false;
    }
    const size_t before = out_.size();
    const bool appended = guarded_or<bool>(false, log_, "a Redis command", [&] {
        std::forward<Append>(append)();
        return true;
    });
    if (appended) {
        flush_event_.post();
    } else {
        out_.resize(before);
    }
    return appended;
}

bool Connection::send(Arguments arguments) noexcept {
    return append([&] { resp::append_command(out_, arguments); });
}

bool Connection::send_encoded(std::string_view encoded) noexcept {
    return append([&] { out_.append(encoded); });
}

void Connection::flush() noexcept {
    if (connection_ == nullptr) {
        return;
    }
    if (close_asked_) {
        lose("could not be written to", 0);
        return;
    }
    if (!connected_ || !connection_->write->ready) {
        return;
    }
    while (sent_ < out_.size()) {
        const ssize_t n = connection_->send(connection_, reinterpret_cast<u_char *>(out_.data()) + sent_,
                                            out_.size() - sent_);
        if (n == NGX_AGAIN) {
            break;
        }
        if (n <= 0) {
            lose("closed the connection", 0);
            return;
        }
        sent_ += static_cast<size_t>(n);
    }
    if (sent_ == out_.size()) {
        if (!ready_) {
            ngx_explicit_memzero(out_.data(), out_.size());  // the greeting's password
        }
        out_.clear();
        sent_ = 0;
    } else if (sent_ > kMaxUnsent / 4) {
        out_.erase(0, sent_);
        sent_ = 0;
    }
    if (ngx_handle_write_event(connection_->write, 0) != NGX_OK) {
        lose("could not be polled", 0);
    }
}

void Connection::on_write_event(ngx_event_t *ev) noexcept {
    auto *self = static_cast<Connection *>(static_cast<ngx_connection_t *>(ev->data)->data);
    if (!self->connected_) {
        int err = 0;
        socklen_t size = sizeof err;
        if (getsockopt(self->connection_->fd, SOL_SOCKET, SO_ERROR, &err, &size) == -1) {
            err = ngx_socket_errno;
        }
        if (err != 0) {
            self->lose("refused the connection", err);
            return;
        }
        self->on_connected();
    }
    self->flush();
}

void Connection::on_read_event(ngx_event_t *ev) noexcept {
    auto *self = static_cast<Connection *>(static_cast<ngx_connection_t *>(ev->data)->data);
    if (self->connected_) {
        self->read();
    }
}

// Edge-triggered: read until there is no more, or come back by ourselves.
void Connection::read() noexcept {
    char chunk[kReadChunk];
    const char *loss = nullptr;
    reading_ = true;
    for (int reads = 0; loss == nullptr && !close_asked_; ++reads) {
        if (reads == kReadsPerTurn) {
            ngx_post_event(connection_->read, &ngx_posted_next_events);
            break;
        }
        const ssize_t n = connection_->recv(connection_, reinterpret_cast<u_char *>(chunk), sizeof chunk);
        if (n == NGX_AGAIN) {
            if (ngx_handle_read_event(connection_->read, 0) != NGX_OK) {
                loss = "could not be polled";
            }
            break;
        }
        if (n <= 0) {
            loss = "closed the connection";
            break;
        }
        handler_.on_bytes();
        loss = feed(chunk, static_cast<size_t>(n));
    }
    reading_ = false;

    if (loss != nullptr) {
        lose(loss, 0);
    } else if (close_asked_) {
        release();
    }
}

/// returns what is wrong, or nullptr
const char *Connection::feed(const char *bytes, size_t size) noexcept {
    constexpr const char *kNonsense = "sent what is no answer";
    if (!reader_->feed(bytes, size)) {
        return kNonsense;
    }
    resp::Reply reply;
    while (!close_asked_) {
        switch (reader_->next(reply)) {
            case resp::ReplyReader::Next::kMore:
                return nullptr;
            case resp::ReplyReader::Next::kBroken:
                return kNonsense;
            case resp::ReplyReader::Next::kReply:
                if (!(ready_ ? on_answer(*reply) : on_greeting(*reply))) {
                    return "is left after what it answered";
                }
                break;
        }
    }
    return nullptr;
}

// A server that comes back and is of no use is named once more, with what it says.
void Connection::say(Said what, const char *why, std::string_view detail, ngx_err_t err) noexcept {
    if (said_ >= what) {
        return;
    }
    said_ = what;
    ngx_str_t text = to_ngx_str(detail);
    ngx_log_error(NGX_LOG_ERR, log_, err, "nexus: Redis %s (%V) %s%s%V", conf_.name.c_str(), &peer_name_, why,
                  detail.empty() ? "" : ": ", &text);
}

// Without one of its Sentinels no command of ours fails.
void Connection::count_failure() const noexcept {
    if (&login_ != &conf_.sentinel_login) {
        metrics::count(metrics::Counter::kRedisFailures);
    }
}

void Connection::lose(const char *why, ngx_err_t err) noexcept {
    log_loss(why, "", err);
    count_failure();
    release();
    handler_.on_closed();
}

void Connection::confirm() noexcept {
    if (std::exchange(said_, Said::kNothing) != Said::kNothing) {
        ngx_log_error(NGX_LOG_NOTICE, log_, 0, "nexus: Redis %s answers again, at %V", conf_.name.c_str(),
                      &peer_name_);
    }
}

void Connection::give_up(const char *why) noexcept {
    say(Said::kUseless, why, "", 0);
    close();
}

void Connection::close() noexcept {
    if (reading_) {
        close_asked_ = true;
        ready_ = false;
        return;
    }
    release();
}

void Connection::release() noexcept {
    ready_ = false;
    connected_ = false;
    handshaking_ = false;
    flush_event_.cancel();
    connect_timer_.cancel();
    if (connection_ != nullptr) {
#if (NGX_SSL)
        Tls::detach(connection_);
#endif
        ngx_pool_t *pool = connection_->pool;
        ngx_close_connection(connection_);  // takes its events out of timers and posted queues
        connection_ = nullptr;
        if (pool != nullptr) {
            ngx_destroy_pool(pool);
        }
    }
    ngx_explicit_memzero(out_.data(), out_.size());
    out_.clear();
    sent_ = 0;
    reader_.reset();
}

}  // namespace nexus::edge::redis
