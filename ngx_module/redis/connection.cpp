// The connection's state machine: connecting, greeting, ready, lost.
#include "ngx_module/redis/connection.h"

#include <array>
#include <cstring>

#include "ngx_module/metrics.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"
#include "shared/secret.h"

namespace nexus::edge::redis {
namespace {

constexpr size_t kReadChunk = size_t{16} * 1024;
constexpr int kReadsPerTurn = 16;  // then other connections have their turn
constexpr size_t kMaxUnsent = size_t{4} * 1024 * 1024;

ngx_int_t get_peer(ngx_peer_connection_t *, void *) noexcept {
    return NGX_OK;  // sockaddr is set already
}

}  // namespace

Connection::Connection(const RedisConf &conf, ngx_log_t *log, Handler &handler) noexcept
    : conf_(conf),
      log_(log),
      handler_(handler),
      flush_event_(log, this, [](void *self) noexcept { static_cast<Connection *>(self)->flush(); }),
      connect_timer_(log, this, [](void *self) noexcept {
          static_cast<Connection *>(self)->lose("did not answer in time", 0);
      }) {
    connect_timer_.set_cancelable(true);
    next_address_ = static_cast<ngx_uint_t>(ngx_random()) % conf.naddrs;
}

Connection::~Connection() {
    release();
}

bool Connection::open() noexcept {
    reader_ = make_reader();
    if (!reader_) {
        return false;
    }

    const ngx_addr_t &address = conf_.addrs[next_address_++ % conf_.naddrs];
    peer_name_ = address.name;
    ngx_peer_connection_t pc;
    ngx_memzero(&pc, sizeof pc);
    pc.sockaddr = address.sockaddr;
    pc.socklen = address.socklen;
    pc.name = &peer_name_;
    pc.get = get_peer;
    pc.log = log_;
    pc.log_error = NGX_ERROR_ERR;

    const ngx_int_t rc = ngx_event_connect_peer(&pc);
    if (rc != NGX_OK && rc != NGX_AGAIN) {
        // NGX_DECLINED has closed it; the others may have left it open.
        if (pc.connection != nullptr) {
            ngx_close_connection(pc.connection);
        }
        reader_.reset();
        metrics::count(metrics::Counter::kRedisFailures);
        return false;
    }

    connection_ = pc.connection;
    connection_->data = this;
    connection_->read->handler = on_read_event;
    connection_->write->handler = on_write_event;
    out_.clear();
    sent_ = 0;
    connected_ = false;
    ready_ = false;
    close_asked_ = false;
    connect_timer_.arm(conf_.connect_timeout);
    if (rc == NGX_OK) {
        on_connected();
    }
    return connection_ != nullptr;
}

void Connection::on_connected() noexcept {
    connected_ = true;
    if (connection_->tcp_nodelay == NGX_TCP_NODELAY_UNSET && ngx_tcp_nodelay(connection_) != NGX_OK) {
        // The commands are sent all the same, some later than they could be.
        ngx_log_error(NGX_LOG_WARN, log_, 0, "nexus: no TCP_NODELAY to Redis %V", &peer_name_);
    }
    greet();
}

// connect() succeeds against a stopped server: only a reply says that it is there.
void Connection::greet() noexcept {
    greetings_left_ = 1;
    bool sent = true;
    if (!conf_.password.empty()) {
        ++greetings_left_;
        sent = conf_.user.empty() ? send({"AUTH", conf_.password.view()})
                                  : send({"AUTH", conf_.user, conf_.password.view()});
    }
    if (sent && conf_.database != 0) {
        ++greetings_left_;
        char digits[NGX_INT_T_LEN];
        const int size = std::snprintf(digits, sizeof digits, "%u", conf_.database);
        sent = send({"SELECT", {digits, static_cast<size_t>(size)}});
    }
    if (!sent || !send({"PING"})) {
        close_asked_ = true;
        flush_event_.post();
    }
}

bool Connection::on_greeting(const redisReply &reply) noexcept {
    if (reply.type != REDIS_REPLY_STATUS) {
        if (!loss_logged_) {
            loss_logged_ = true;
            // The text is the server's; its first word (NOAUTH, WRONGPASS, LOADING) is all that is needed.
            const std::string_view text =
                reply.type == REDIS_REPLY_ERROR ? std::string_view(reply.str, reply.len) : "unexpected reply";
            ngx_str_t word = to_ngx_str(text.substr(0, std::min(text.find(' '), size_t{32})));
            ngx_log_error(NGX_LOG_ERR, log_, 0, "nexus: Redis %s refused the greeting: %V",
                          conf_.name.c_str(), &word);
        }
        return false;
    }
    if (--greetings_left_ == 0) {
        ready_ = true;
        connect_timer_.disarm();
        if (loss_logged_) {
            loss_logged_ = false;
            ngx_log_error(NGX_LOG_NOTICE, log_, 0, "nexus: Redis %s answers again", conf_.name.c_str());
        }
        metrics::count(metrics::Counter::kRedisConnects);
        handler_.on_ready();
    }
    return true;
}

bool Connection::send(std::initializer_list<std::string_view> arguments) noexcept {
    constexpr size_t kMaxArguments = 4;
    if (connection_ == nullptr || out_.size() - sent_ > kMaxUnsent || arguments.size() > kMaxArguments) {
        return false;
    }
    std::array<const char *, kMaxArguments> values{};
    std::array<size_t, kMaxArguments> sizes{};
    size_t count = 0;
    for (const std::string_view argument : arguments) {
        values[count] = argument.data();
        sizes[count] = argument.size();
        ++count;
    }

    char *command = nullptr;
    const int size = redisFormatCommandArgv(&command, static_cast<int>(count), values.data(), sizes.data());
    if (size < 0) {
        return false;
    }
    const bool appended = guarded_or<bool>(false, log_, "a Redis command", [&] {
        out_.append(command, static_cast<size_t>(size));
        return true;
    });
    ngx_explicit_memzero(command, static_cast<size_t>(size));  // it may be AUTH
    redisFreeCommand(command);
    if (appended) {
        flush_event_.post();
    }
    return appended;
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
    self->read();
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
        if (!feed(chunk, static_cast<size_t>(n))) {
            loss = "sent what is no answer";
        }
    }
    reading_ = false;

    if (loss != nullptr) {
        lose(loss, 0);
    } else if (close_asked_) {
        release();
    }
}

bool Connection::feed(const char *bytes, size_t size) noexcept {
    if (redisReaderFeed(reader_.get(), bytes, size) != REDIS_OK) {
        return false;
    }
    while (!close_asked_) {
        void *object = nullptr;
        if (redisReaderGetReply(reader_.get(), &object) != REDIS_OK) {
            return false;
        }
        if (object == nullptr) {
            break;
        }
        const Reply reply(static_cast<redisReply *>(object));
        if (!(ready_ ? handler_.on_reply(*reply) : on_greeting(*reply))) {
            return false;
        }
    }
    return close_asked_ || !is_overfull(*reader_);
}

void Connection::lose(const char *why, ngx_err_t err) noexcept {
    if (!loss_logged_) {
        loss_logged_ = true;
        ngx_log_error(NGX_LOG_ERR, log_, err, "nexus: Redis %s %s", conf_.name.c_str(), why);
    }
    metrics::count(metrics::Counter::kRedisFailures);
    release();
    handler_.on_closed();
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
    flush_event_.cancel();
    connect_timer_.cancel();
    if (connection_ != nullptr) {
        ngx_close_connection(connection_);  // takes its events out of timers and posted queues
        connection_ = nullptr;
    }
    ngx_explicit_memzero(out_.data(), out_.size());
    out_.clear();
    sent_ = 0;
    reader_.reset();
}

}  // namespace nexus::edge::redis
