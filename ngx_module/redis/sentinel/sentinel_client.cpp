#include "ngx_module/redis/sentinel/sentinel_client.h"

#include "ngx_module/ngx/guarded.h"

namespace nexus::edge::redis {

SentinelClient::SentinelClient(const RedisConf &conf, ngx_log_t *log) noexcept
    : conf_(conf), log_(log), watch_(conf, log, *this), node_(conf, log, *this) {}

void SentinelClient::start() noexcept {
    node_.start();
    watch_.start();
}

void SentinelClient::on_master(const Address &master) noexcept {
    if (master_ && *master_ == master) {
        return;
    }
    guarded_event(log_, "a new master", [&] {
        ngx_log_error(NGX_LOG_NOTICE, log_, 0, "nexus: Redis %s: the master is %s", conf_.name.c_str(),
                      master.text.c_str());
        const bool is_first = !master_;
        master_ = master;
        is_first ? node_.connect_soon() : node_.restart();
        tell_watcher();
    });
}

void SentinelClient::on_node_lost(Node &) noexcept {
    watch_.ask();
}

// READONLY: it was demoted, and Sentinel may know since when.
bool SentinelClient::on_node_error(Node &, resp::ErrorKind kind) noexcept {
    if (kind == resp::ErrorKind::kReadOnly || kind == resp::ErrorKind::kNotServing) {
        watch_.ask();
        return false;
    }
    return true;
}

}  // namespace nexus::edge::redis
