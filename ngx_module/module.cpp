// The module as nginx sees it: the contexts and the hooks of its life cycle. Each hook only calls the
// features' own functions, in an order that is a decision.
#include "ngx_module/access/access.h"
#include "ngx_module/answer/errors.h"
#include "ngx_module/answer/grpc_errors.h"
#include "ngx_module/body_time.h"
#include "ngx_module/cache/wake.h"
#include "ngx_module/conf.h"
#include "ngx_module/control_plane/control_plane.h"
#include "ngx_module/cors/cors.h"
#include "ngx_module/directives.h"
#include "ngx_module/limits/ask.h"
#include "ngx_module/logs/error_log.h"
#include "ngx_module/lookup/lookup.h"
#include "ngx_module/ngx/kept_zone.h"
#include "ngx_module/redis/url.h"
#include "ngx_module/replay/replay.h"
#include "ngx_module/scrub/scrub.h"
#include "ngx_module/sign/body_hash.h"
#include "ngx_module/sign/dpop_answer.h"
#include "ngx_module/sign/streamed_body.h"
#include "ngx_module/long_lived/tunnel.h"
#include "ngx_module/long_lived/withdrawal.h"
#include "ngx_module/upstream/provider_pause.h"
#include "ngx_module/variables.h"
#include "ngx_module/worker.h"

namespace nexus::edge {
namespace {

ngx_int_t on_preconfiguration(ngx_conf_t *cf) noexcept {
    return add_variables(cf);
}

ngx_int_t on_postconfiguration(ngx_conf_t *cf) noexcept {
    if (check_lookups(cf) != NGX_OK || init_control_plane(cf) != NGX_OK || init_body_time(cf) != NGX_OK ||
        limits::init(cf) != NGX_OK || init_cors(cf) != NGX_OK) {
        return NGX_ERROR;
    }
    init_body_hash();
    init_body_check();
    provider_pause::init();
    init_withdrawals();
    init_scrubbing();  // sees what is left of answers when a 401 was held back
    init_replay();
    init_dpop_answer();  // before it in the chain
    init_tunnels();
    init_grpc_errors();
    find_redis_resolver(cf);
    return init_request_phases(cf);
}

// Also runs under `nginx -t` and on every reload, where its failure would end the master: nothing in here may
// fail.
ngx_int_t on_init_module(ngx_cycle_t *cycle) noexcept {
    warn_of_debug_connection(cycle);
    if (!ngx_test_config) {
        cache::wake::create(cycle->log);
        settle_kept_zones(cycle);
    }
    return NGX_OK;
}

// Also runs in the cache manager and cache loader.
ngx_int_t on_init_process(ngx_cycle_t *cycle) noexcept {
    if (ngx_process == NGX_PROCESS_WORKER || ngx_process == NGX_PROCESS_SINGLE) {
        // nginx's time is that of the master's last look at the clock, before zones were filled and we were
        // forked: timers that count from then would run out before the connections of the start had their
        // time.
        ngx_time_update();
        start_worker(cycle);
    }
    return NGX_OK;
}

void on_exit_process(ngx_cycle_t *) noexcept {
    stop_worker();
}

// One hook a line; and NGX_MODULE_V1 ends in a comma of its own, which clang-format cannot know.
// clang-format off
ngx_http_module_t http_module = {
    on_preconfiguration,
    on_postconfiguration,
    create_main_conf,
    init_main_conf,
    create_srv_conf,
    merge_srv_conf,
    create_loc_conf,
    merge_loc_conf,
};

}  // namespace
}  // namespace nexus::edge

extern "C" {

ngx_module_t ngx_http_nexus_module = {
    NGX_MODULE_V1,
    &nexus::edge::http_module,
    nexus::edge::commands,
    NGX_HTTP_MODULE,
    nullptr,  // init master
    nexus::edge::on_init_module,
    nexus::edge::on_init_process,
    nullptr,  // init thread
    nullptr,  // exit thread
    nexus::edge::on_exit_process,
    nullptr,  // exit master
    NGX_MODULE_V1_PADDING,
};
// clang-format on
}
