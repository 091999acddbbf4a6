// Commands to Redis, whatever it consists of: one server, a master that Sentinels know, or the nodes of a
// cluster. One client per worker. It also says where events can be listened to.
#pragma once

#include <memory>
#include <string_view>

#include "ngx_module/redis/address.h"
#include "ngx_module/redis/command.h"
#include "ngx_module/redis/conf.h"

namespace nexus::edge::redis {

class Client {
public:
    /// Wants to know that servers have come, gone or changed their roles.
    class Watcher {
    public:
        virtual void on_servers_changed() noexcept = 0;

    protected:
        ~Watcher() = default;
    };

    virtual ~Client() = default;

    /// Begins to connect. To be called once, in the worker.
    virtual void start() noexcept = 0;

    /// Sends a command about `key`, which says where a cluster has it: all keys of the command must have its
    /// slot. false: Redis cannot be asked now (down, too slow, too much waiting); `on_reply` is not called.
    /// `command`: nullptr if nobody wants the reply.
    virtual bool send(std::string_view key, Arguments arguments, Command *command) noexcept = 0;
    virtual void cancel(Command *command) noexcept = 0;

    bool get(std::string_view key, Command *command) noexcept {
        const std::string_view arguments[] = {"GET", key};
        return send(key, arguments, command);
    }

    /// The server to subscribe at next: another one each time where there are several. nullptr: none is known
    /// now
    virtual const Address *next_event_server() noexcept = 0;
    /// May one go on listening to that one?
    virtual bool is_event_server(const Address &address) const noexcept = 0;
    /// The connection to that one was lost, or could not be made. It may be gone without a word to others.
    virtual void on_event_server_lost() noexcept {}
    /// nullptr: nobody is told any more
    void set_watcher(Watcher *watcher) noexcept { watcher_ = watcher; }

protected:
    Client() = default;
    void tell_watcher() noexcept {
        if (watcher_ != nullptr) {
            watcher_->on_servers_changed();
        }
    }

private:
    Watcher *watcher_ = nullptr;
};

/// Throws std::bad_alloc.
std::unique_ptr<Client> make_client(const RedisConf &conf, ngx_log_t *log);

}  // namespace nexus::edge::redis
