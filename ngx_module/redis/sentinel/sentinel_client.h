// The master that Sentinels name: followed when it changes, left when it says that it is none any more.
#pragma once

#include <optional>

#include "ngx_module/redis/client.h"
#include "ngx_module/redis/node.h"
#include "ngx_module/redis/sentinel/master_watch.h"

namespace nexus::edge::redis {

class SentinelClient final : public Client, private Node::Owner, private MasterWatch::Owner {
public:
    /// Throws std::bad_alloc.
    SentinelClient(const RedisConf &conf, ngx_log_t *log);

    void start() noexcept override;
    bool send(std::string_view, Arguments arguments, Command *command) noexcept override {
        return node_.send(arguments, command);
    }
    void cancel(Command *command) noexcept override { node_.cancel(command); }

    const Address *next_event_server() noexcept override { return master_ ? &*master_ : nullptr; }
    bool is_event_server(const Address &address) const noexcept override {
        return master_.has_value() && *master_ == address;
    }
    void on_event_server_lost() noexcept override { node_.check(); }

private:
    const Address *next_address(Node &) noexcept override { return next_event_server(); }
    void on_node_ready(Node &node) noexcept override;
    void on_node_lost(Node &node) noexcept override;
    bool on_node_error(Node &node, resp::ErrorKind kind) noexcept override;
    void on_master(const Address &master) noexcept override;
    void say_master();

    const RedisConf &conf_;
    ngx_log_t *log_;
    std::optional<Address> master_;
    std::string said_;           // in the log
    bool was_connected_ = true;  // to the one that was said; so the first is said as well
    MasterWatch watch_;
    Node node_;
};

}  // namespace nexus::edge::redis
