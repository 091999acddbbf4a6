#include "ngx_module/redis/single_client.h"

namespace nexus::edge::redis {
namespace {

constexpr ngx_msec_t kReplicaPauseMs = 10'000;

}  // namespace

SingleClient::SingleClient(const RedisConf &conf, ngx_log_t *log) noexcept
    : conf_(conf),
      next_address_(static_cast<size_t>(ngx_random())),
      next_event_server_(next_address_),
      left_replica_at_(ngx_current_msec - kReplicaPauseMs),
      node_(conf, log, *this) {}

const Address *SingleClient::next_address(Node &) noexcept {
    return &conf_.servers[next_address_++ % conf_.servers.size()];
}

const Address *SingleClient::next_event_server() noexcept {
    return &conf_.servers[next_event_server_++ % conf_.servers.size()];
}

// A name or a virtual address that has moved on to the new master leaves old connections at the old one: a
// new one may find it. But not all the time: a replica may be what the operator has to offer, and reads go
// on.
bool SingleClient::on_node_error(Node &, ErrorKind kind) noexcept {
    if (kind != ErrorKind::kReadOnly || ngx_current_msec - left_replica_at_ < kReplicaPauseMs) {
        return true;
    }
    left_replica_at_ = ngx_current_msec;
    return false;
}

}  // namespace nexus::edge::redis
