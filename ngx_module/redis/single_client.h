// One server, under one address or several of the same name. If it is lost, nginx's resolver (where there is
// one) is asked whether the name has moved.
#pragma once

#include <optional>

#include "ngx_module/redis/client.h"
#include "ngx_module/redis/name_lookup.h"
#include "ngx_module/redis/node.h"

namespace nexus::edge::redis {

class SingleClient final : public Client, private Node::Owner {
public:
    SingleClient(const RedisConf &conf, ngx_log_t *log);

    void start() noexcept override { node_.start(); }
    bool send(std::string_view, Arguments arguments, Command *command) noexcept override {
        return node_.send(arguments, command);
    }
    void cancel(Command *command) noexcept override { node_.cancel(command); }

    const Address *next_event_server() noexcept override;
    bool is_event_server(const Address &address) const noexcept override {
        return !moved_ || address == *moved_;
    }
    void on_event_server_lost() noexcept override;

private:
    const Address *next_address(Node &node) noexcept override;
    void on_node_lost(Node &node) noexcept override;
    bool on_node_error(Node &node, resp::ErrorKind kind) noexcept override;

    void look_up_name() noexcept;
    const Address *pick(size_t &next) noexcept;
    void move_to(Address address) noexcept;

    const RedisConf &conf_;
    ngx_log_t *log_;
    size_t next_address_;
    size_t next_event_server_;
    std::optional<resp::HostPort> name_;  // nullopt: it was configured by address, or there is no resolver
    std::optional<Address> moved_;        // what the resolver said last
    NameLookup lookup_;
    ngx_msec_t left_replica_at_;
    Node node_;
};

}  // namespace nexus::edge::redis
