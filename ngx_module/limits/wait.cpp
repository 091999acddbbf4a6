// Holding a request back. Delays as limit_req has them: a timer on the connection's write event.
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

ngx_int_t watch_client(Asked &asked) noexcept {
    ngx_http_request_t *r = asked.request;
    ngx_connection_t *c = r->connection;
    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
    } else if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        return NGX_ERROR;
    }
    asked.is_waiting = true;
    r->read_event_handler = ngx_http_test_reading;
    return NGX_AGAIN;
}

ngx_int_t delay(Asked &asked, ngx_msec_t ms) noexcept {
    if (watch_client(asked) != NGX_AGAIN) {
        return NGX_ERROR;
    }
    ngx_http_request_t *r = asked.request;
    r->write_event_handler = on_write;
    r->connection->write->delayed = 1;
    ngx_add_timer(r->connection->write, ms);
    return NGX_AGAIN;
}

}  // namespace nexus::edge::limits
