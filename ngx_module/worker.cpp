// A worker's start and end.
#include "ngx_module/worker.h"

#include <memory>

#include "ngx_module/cache/wake.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/record/cache_key.h"

namespace nexus::edge {
namespace {

std::unique_ptr<Worker> g_worker;

}  // namespace

Worker::Worker(const MainConf &conf, ngx_log_t *log) : records_(*conf.cache), flights_(*conf.cache) {
    if (conf.redis != nullptr) {
        redis_ = redis::make_client(*conf.redis, log);
        leases_.emplace(conf, *redis_, log);
        // nginx gives a killed worker's successor the same number: there is one subscriber without an
        // election.
        if (ngx_worker == 0) {
            subscriber_.emplace(*conf.redis, *redis_, records_, flights_, log);
        }
    }
    fetches_.emplace(FetchTools{conf, records_, flights_, redis_.get(), cache_keyring(conf), log});
}

Worker::~Worker() {
    fetches_->abandon_all();
    cache::wake::leave();
}

void Worker::start(ngx_cycle_t *cycle) noexcept {
    cache::wake::join(cycle, []() noexcept {
        if (g_worker) {
            g_worker->fetches().on_wake();
        }
    });
    if (redis_) {
        redis_->start();
        leases_->start();
    }
    if (subscriber_) {
        subscriber_->start();
    }
}

Worker *worker() noexcept {
    return g_worker.get();
}

void start_worker(ngx_cycle_t *cycle) noexcept {
    const MainConf *conf = main_conf(cycle);
    if (conf == nullptr || conf->cache == nullptr || conf->keyring == nullptr) {
        return;
    }
    guarded_event(cycle->log, "starting the worker", [&] {
        g_worker = std::make_unique<Worker>(*conf, cycle->log);
        g_worker->start(cycle);
    });
}

void stop_worker() noexcept {
    g_worker.reset();
}

}  // namespace nexus::edge
