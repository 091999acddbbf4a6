// nginx's client_body_timeout starts anew with each piece of a body, so that a patient client can hold a
// connection for days. This clock runs on, whenever nginx waits for the client's body, and ends the request
// as nginx itself does it after a time-out: the connection is closed without an answer.
#include "ngx_module/body_time.h"

#include <algorithm>
#include <new>

#include "ngx_module/conf.h"
#include "ngx_module/ngx/event.h"
#include "ngx_module/ngx/phase_handlers.h"
#include "ngx_module/upstream/live.h"

namespace nexus::edge {

namespace {

// It looks so often in its time whether it is the client that is waited for: a limit may hold the request, or
// an upstream take an unbuffered body late.
constexpr ngx_msec_t kLooks = 8;

class BodyClock {
public:
    BodyClock(ngx_http_request_t *r, ngx_msec_t time) noexcept
        : request_(r),
          left_(time),
          every_(std::max(time / kLooks, ngx_msec_t{1})),
          timer_(r->connection->log, this,
                 [](void *self) noexcept { static_cast<BodyClock *>(self)->on_timer(); }) {
        timer_.arm(every_);
    }

    static BodyClock *start(ngx_http_request_t *r, ngx_msec_t time) noexcept;
    static bool runs_for(const ngx_http_request_t *r) noexcept;

private:
    void on_timer() noexcept;
    /// Marks it in the request's pool, too: nginx clears the module's context at an internal redirect.
    static void destroy(void *data) noexcept { static_cast<BodyClock *>(data)->~BodyClock(); }

    ngx_http_request_t *request_;
    ngx_msec_t left_;
    ngx_msec_t every_;
    Event timer_;
};

BodyClock *BodyClock::start(ngx_http_request_t *r, ngx_msec_t time) noexcept {
    ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(r->pool, sizeof(BodyClock));
    if (cln == nullptr) {
        return nullptr;
    }
    auto *clock = ::new (cln->data) BodyClock(r, time);
    cln->handler = destroy;
    return clock;
}

bool BodyClock::runs_for(const ngx_http_request_t *r) noexcept {
    for (const ngx_pool_cleanup_t *cln = r->pool->cleanup; cln != nullptr; cln = cln->next) {
        if (cln->handler == destroy) {
            return true;
        }
    }
    return false;
}

/// All of it is here, or the request is over without it.
bool is_over(const ngx_http_request_t *r) noexcept {
    const ngx_http_request_body_t *body = r->request_body;
    return (body != nullptr && body->rest == 0) || r->discard_body || r->done || r->connection->error;
}

/// Is it the client that nginx waits for? Then its own time-out is running. Over HTTP/2 it runs also while
/// the upstream takes nothing, and nginx forgives it where the client may send nothing.
bool is_client_late(const ngx_http_request_t *r) noexcept {
    const bool may_send = r->stream == nullptr || !r->request_body_no_buffering || r->stream->recv_window > 0;
    return r->request_body != nullptr && r->connection->read->timer_set && may_send;
}

/// An internal redirect has left an unbuffered body half read: nobody reads the rest, for which the next
/// upstream waits in vain.
bool is_left_over(const ngx_http_request_t *r) noexcept {
    return r->reading_body && !r->request_body_no_buffering;
}

void BodyClock::on_timer() noexcept {
    ngx_http_request_t *r = request_;
    ngx_connection_t *c = r->connection;  // r may be gone after the end, and we with it
    if (is_over(r)) {
        return;
    }
    if (is_client_late(r) || is_left_over(r)) {
        left_ -= std::min(left_, every_);
    }
    if (left_ > 0) {
        timer_.arm(std::min(every_, left_));
        return;
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
    if (time == 0 || r != r->main || !has_body || (r->internal && BodyClock::runs_for(r))) {
        return NGX_DECLINED;
    }
    return BodyClock::start(r, time) != nullptr ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}

}  // namespace

ngx_int_t init_body_time(ngx_conf_t *cf) noexcept {
    return ask_first(cf, NGX_HTTP_PREACCESS_PHASE, on_preaccess);
}

}  // namespace nexus::edge
