#include "ngx_module/redis/single_client.h"

#include "ngx_module/ngx/guarded.h"

namespace nexus::edge::redis {
namespace {

constexpr ngx_msec_t kReplicaPauseMs = 10'000;

std::optional<resp::HostPort> name_to_ask_for(const RedisConf &conf) {
    const Address &address = conf.servers.front();
    if (conf.resolver == nullptr || !resp::is_host(address.host) || make_address(address.host, 1)) {
        return std::nullopt;
    }
    const auto port = resp::parse_port(std::string_view(address.text).substr(address.text.rfind(':') + 1));
    return port ? std::optional(resp::HostPort{address.host, *port}) : std::nullopt;
}

}  // namespace

SingleClient::SingleClient(const RedisConf &conf, ngx_log_t *log)
    : conf_(conf),
      log_(log),
      next_address_(static_cast<size_t>(ngx_random())),
      next_event_server_(next_address_),
      name_(name_to_ask_for(conf)),
      lookup_(conf, log),
      left_replica_at_(ngx_current_msec - kReplicaPauseMs),
      node_(conf, log, *this) {}

const Address *SingleClient::pick(size_t &next) noexcept {
    return moved_ ? &*moved_ : &conf_.servers[next++ % conf_.servers.size()];
}

const Address *SingleClient::next_address(Node &) noexcept {
    return pick(next_address_);
}

const Address *SingleClient::next_event_server() noexcept {
    return pick(next_event_server_);
}

void SingleClient::on_node_lost(Node &) noexcept {
    look_up_name();
}

void SingleClient::on_event_server_lost() noexcept {
    node_.check();
    look_up_name();
}

// A server that is connected is kept while the name has its address.
void SingleClient::look_up_name() noexcept {
    if (!name_) {
        return;
    }
    guarded_event(log_, "looking for a server that moved", [&] {
        lookup_.start(
            *name_,
            [this](std::optional<Address> address) {
                if (address && (!moved_ || *address != *moved_)) {
                    move_to(std::move(*address));
                }
            },
            node_.is_ready() ? &node_.address() : nullptr);
    });
}

// The server that was left may still answer, and be connected to again before the resolver has.
void SingleClient::move_to(Address address) noexcept {
    moved_ = std::move(address);
    if (node_.address() != *moved_) {
        node_.restart();
    }
    tell_watcher();
}

// A name or a virtual address that has moved on to the new master leaves old connections at the old one: a
// new one may find it. But not all the time: a replica may be what the operator has to offer, and reads go
// on.
bool SingleClient::on_node_error(Node &, resp::ErrorKind kind) noexcept {
    if (kind != resp::ErrorKind::kReadOnly || ngx_current_msec - left_replica_at_ < kReplicaPauseMs) {
        return true;
    }
    left_replica_at_ = ngx_current_msec;
    return false;
}

}  // namespace nexus::edge::redis
