// One server, under one address or several of the same name.
#pragma once

#include "ngx_module/redis/client.h"
#include "ngx_module/redis/node.h"

namespace nexus::edge::redis {

class SingleClient final : public Client, private Node::Owner {
public:
    SingleClient(const RedisConf &conf, ngx_log_t *log) noexcept;

    void start() noexcept override { node_.start(); }
    bool send(std::string_view, Arguments arguments, Command *command) noexcept override {
        return node_.send(arguments, command);
    }
    void cancel(Command *command) noexcept override { node_.cancel(command); }

    const Address *next_event_server() noexcept override;
    bool is_event_server(const Address &) const noexcept override { return true; }

private:
    const Address *next_address(Node &node) noexcept override;
    bool on_node_error(Node &node, ErrorKind kind) noexcept override;

    const RedisConf &conf_;
    size_t next_address_;
    size_t next_event_server_;
    ngx_msec_t left_replica_at_;
    Node node_;
};

}  // namespace nexus::edge::redis
