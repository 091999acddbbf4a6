// One connection to Redis: nginx's socket, events and TLS, hiredis' reader as the codec. Greets the server
// (AUTH, SELECT, ROLE, PING) and calls the handler's functions; what is asked and when it is given up is the
// business of node.h, subscriber.h and sentinel.h.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "ngx_module/ngx/event.h"
#include "ngx_module/ngx/ngx.h"
#include "ngx_module/redis/command.h"
#include "ngx_module/redis/conf.h"
#include "ngx_module/redis/tls.h"
#include "shared/resp/reader.h"

namespace nexus::edge::redis {

class Connection {
public:
    /// What a connection tells its owner. None of these may destroy the connection; `close` is allowed.
    class Handler {
    public:
        virtual void on_ready() noexcept = 0;  // a real reply came, the greeting is over
        virtual void on_bytes() noexcept {}    // anything at all was received
        /// returns false if the connection is of no more use: it is closed
        virtual bool on_reply(const redisReply &reply) noexcept = 0;
        virtual void
        on_closed() noexcept = 0;  // after `open` has returned true; not for the owner's own `close`

    protected:
        ~Handler() = default;
    };

    Connection(const RedisConf &conf, const Login &login, ngx_log_t *log, Handler &handler) noexcept;
    ~Connection();
    Connection(const Connection &) = delete;
    Connection &operator=(const Connection &) = delete;

    /// Begins to connect. false: failed at once.
    bool open(const Address &address) noexcept;
    /// Closes without calling the handler.
    void close() noexcept;
    /// The same, for a reason that is logged.
    void give_up(const char *why) noexcept;
    /// What it is for has worked, which the greeting alone does not show: an outage that was logged is over.
    void confirm() noexcept;

    /// Appends a command; it is sent together with others of this turn of the event loop.
    /// false: too much is waiting to be sent, or out of memory
    bool send(Arguments arguments) noexcept;
    /// The same for commands that are encoded already.
    bool send_encoded(std::string_view encoded) noexcept;

    bool is_open() const noexcept { return connection_ != nullptr; }
    bool is_ready() const noexcept { return ready_; }
    /// Where it is connected to, or was last.
    const Address &address() const noexcept { return address_; }

private:
    static void on_read_event(ngx_event_t *ev) noexcept;
    static void on_write_event(ngx_event_t *ev) noexcept;

    void on_connected() noexcept;
    void begin_tls() noexcept;
    void on_handshake() noexcept;
    void set_handlers() noexcept;
    void greet() noexcept;
    template <typename Append>
    bool append(Append &&append) noexcept;
    void read() noexcept;
    void flush() noexcept;
    const char *feed(const char *bytes, size_t size) noexcept;
    bool on_greeting(const redisReply &reply) noexcept;
    bool on_answer(const redisReply &reply) noexcept;
    void count_failure() const noexcept;
    void lose(const char *why, ngx_err_t err) noexcept;
    /// What was logged of an outage: each once, until it is over.
    enum class Said : uint8_t { kNothing, kLost, kUseless };

    void say(Said what, const char *why, std::string_view detail, ngx_err_t err) noexcept;
    void log_loss(const char *why, std::string_view detail, ngx_err_t err) noexcept {
        say(Said::kLost, why, detail, err);
    }
    void release() noexcept;

    const RedisConf &conf_;
    const Login &login_;
    ngx_log_t *log_;
    Handler &handler_;

    ngx_connection_t *connection_ = nullptr;
    ngx_str_t peer_name_ = ngx_null_string;
    Address address_;
    std::optional<resp::ReplyReader> reader_;
    std::string out_;
    size_t sent_ = 0;
    int greetings_left_ = 0;
    bool role_asked_ = false;
    bool connected_ = false;  // and TLS's handshake over
    bool handshaking_ = false;
    bool ready_ = false;
    bool reading_ = false;  // in the read loop: a close waits for its end
    bool close_asked_ = false;
    Said said_ = Said::kNothing;

#if (NGX_SSL)
    TlsSession session_;  // the last one, to resume
    std::string session_server_;
#endif

    Event flush_event_;
    Event connect_timer_;
};

}  // namespace nexus::edge::redis
