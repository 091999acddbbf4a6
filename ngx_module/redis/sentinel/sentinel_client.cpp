#include "ngx_module/redis/sentinel/sentinel_client.h"

#include <utility>

#include "ngx_module/ngx/guarded.h"

namespace nexus::edge::redis {

SentinelClient::SentinelClient(const RedisConf &conf, ngx_log_t *log)
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
        const bool is_first = !master_;
        master_ = master;
        is_first ? node_.connect_soon() : node_.restart();
        tell_watcher();
        if (std::exchange(was_connected_, false)) {
            say_master();
        }
    });
}

/// Those that were tried in vain before it are said once, as the first of them.
void SentinelClient::say_master() {
    if (said_ != master_->text) {
        said_ = master_->text;
        ngx_log_error(NGX_LOG_NOTICE, log_, 0, "nexus: Redis %s: the master is %s", conf_.name.c_str(),
                      said_.c_str());
    }
}

void SentinelClient::on_node_ready(Node &) noexcept {
    was_connected_ = true;
    watch_.trust();
    guarded_event(log_, "a master that is connected", [&] { say_master(); });
}

void SentinelClient::on_node_lost(Node &) noexcept {
    watch_.doubt();
}

// READONLY: it was demoted, and Sentinel may know since when.
bool SentinelClient::on_node_error(Node &, resp::ErrorKind kind) noexcept {
    if (kind == resp::ErrorKind::kReadOnly || kind == resp::ErrorKind::kNotServing) {
        watch_.doubt();
        return false;
    }
    return true;
}

}  // namespace nexus::edge::redis
