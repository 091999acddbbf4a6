// One connection to Redis: nginx's socket and events, hiredis' formatter and reader as the codec. Greets the
// server (AUTH, SELECT, PING) and calls the handler's functions; what is asked and when it is given up is the
// business of client.h and subscriber.h.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "ngx_module/ngx/event.h"
#include "ngx_module/ngx/ngx.h"
#include "ngx_module/redis/reader.h"
#include "ngx_module/redis/url.h"

namespace nexus::edge::redis {

class Connection {
public:
    /// What a connection tells its owner. None of these may destroy the connection; `close` is allowed.
    class Handler {
    public:
        virtual void on_ready() noexcept = 0;  // a real reply came, the greeting is over
        virtual void on_bytes() noexcept {}    // anything at all was received
        /// returns false if the reply was not expected: the connection is closed
        virtual bool on_reply(const redisReply &reply) noexcept = 0;
        virtual void
        on_closed() noexcept = 0;  // after `open` has returned true; not for the owner's own `close`

    protected:
        ~Handler() = default;
    };

    Connection(const RedisConf &conf, ngx_log_t *log, Handler &handler) noexcept;
    ~Connection();
    Connection(const Connection &) = delete;
    Connection &operator=(const Connection &) = delete;

    /// Begins to connect to the next address. false: failed at once.
    bool open() noexcept;
    /// Closes without calling the handler.
    void close() noexcept;

    /// Appends a command; it is sent together with others of this turn of the event loop.
    /// false: too much is waiting to be sent, or out of memory
    bool send(std::initializer_list<std::string_view> arguments) noexcept;

    bool is_open() const noexcept { return connection_ != nullptr; }
    bool is_ready() const noexcept { return ready_; }

private:
    static void on_read_event(ngx_event_t *ev) noexcept;
    static void on_write_event(ngx_event_t *ev) noexcept;

    void greet() noexcept;
    void on_connected() noexcept;
    void read() noexcept;
    void flush() noexcept;
    bool feed(const char *bytes, size_t size) noexcept;
    bool on_greeting(const redisReply &reply) noexcept;
    void lose(const char *why, ngx_err_t err) noexcept;
    void release() noexcept;

    const RedisConf &conf_;
    ngx_log_t *log_;
    Handler &handler_;

    ngx_connection_t *connection_ = nullptr;
    ngx_str_t peer_name_ = ngx_null_string;
    ngx_uint_t next_address_ = 0;
    Reader reader_;
    std::string out_;
    size_t sent_ = 0;
    int greetings_left_ = 0;
    bool connected_ = false;
    bool ready_ = false;
    bool reading_ = false;  // in the read loop: a close waits for its end
    bool close_asked_ = false;
    bool loss_logged_ = false;  // once per outage

    Event flush_event_;
    Event connect_timer_;
};

}  // namespace nexus::edge::redis
