// nginx's client_body_timeout starts anew with each piece of a body, so that a patient client can hold a
// connection for days. This clock starts once, when the request's head has arrived, and ends the request as
// nginx itself does it after a time-out: the connection is closed without an answer.
#include "ngx_module/body_time.h"

#include "ngx_module/conf.h"
#include "ngx_module/ngx/event.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/phase_handlers.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/upstream/live.h"

namespace nexus::edge {

namespace {

void on_time(void *owner) noexcept {
    auto *r = static_cast<ngx_http_request_t *>(owner);
    ngx_connection_t *c = r->connection;  // r may be gone after the end
    const ngx_http_request_body_t *body = r->request_body;
    if (body == nullptr || body->rest == 0 || r->discard_body || c->error) {
        return;  // nobody asked for the body, or all of it is here: the time is not the client's
    }
    ngx_http_set_log_request(c->log, r);
    ngx_log_error(NGX_LOG_INFO, c->log, 0, "nexus: the client took too long with its request body");
    c->timedout = 1;
    end_upstream_first(r);
    ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
    ngx_http_run_posted_requests(c);
}

ngx_int_t on_preaccess(ngx_http_request_t *r) noexcept {
    const ngx_msec_t time = loc_conf(r)->body_time;
    const bool has_body = r->headers_in.content_length_n > 0 || r->headers_in.chunked;
    if (time == 0 || r != r->main || r->internal || !has_body) {
        return NGX_DECLINED;
    }
    return guarded(r, [&]() -> ngx_int_t {
        const auto clock = PoolPtr<Event>::make(r->pool, r->connection->log, r, &on_time);
        if (!clock) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        clock->arm(time);  // disarmed with the request's pool
        return NGX_DECLINED;
    });
}

}  // namespace

ngx_int_t init_body_time(ngx_conf_t *cf) noexcept {
    return ask_first(cf, NGX_HTTP_PREACCESS_PHASE, on_preaccess);
}

}  // namespace nexus::edge
