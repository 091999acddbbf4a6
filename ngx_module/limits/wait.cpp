// Holding a request back, as limit_req does it: a timer on the connection's write event.
#include "ngx_module/limits/ask.h"

namespace nexus::edge::limits {

namespace {

void on_write(ngx_http_request_t *r) noexcept {
    if (r->connection->write->delayed) {
        if (ngx_handle_write_event(r->connection->write, 0) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }
        return;
    }
    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }
    find_asked(r)->is_waiting = false;
    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}

}  // namespace

ngx_int_t wait(Asked &asked, ngx_msec_t ms) noexcept {
    ngx_http_request_t *r = asked.request;
    ngx_connection_t *c = r->connection;
    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
    } else if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        return NGX_ERROR;
    }
    asked.is_waiting = true;
    r->read_event_handler = ngx_http_test_reading;  // notice a client that leaves
    r->write_event_handler = on_write;
    c->write->delayed = 1;
    ngx_add_timer(c->write, ms);
    return NGX_AGAIN;
}

}  // namespace nexus::edge::limits
