// A request is watched by a timer of its own from the moment when it is known to last. Most are not: their
// answer is there as a whole when its head is.
#include "ngx_module/long_lived/withdrawal.h"

#include "ngx_module/answer/errors.h"
#include "ngx_module/answer/grpc_answer.h"
#include "ngx_module/conf.h"
#include "ngx_module/long_lived/vigil.h"
#include "ngx_module/metrics/metrics.h"
#include "ngx_module/ngx/event.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/request_ctx.h"
#include "ngx_module/upstream/live.h"

namespace nexus::edge {

class WithdrawalWatch {
public:
    WithdrawalWatch(ngx_http_request_t *r, const Access &access) noexcept;
    WithdrawalWatch(const WithdrawalWatch &) = delete;
    WithdrawalWatch &operator=(const WithdrawalWatch &) = delete;

    bool is_of(const ngx_http_upstream_t *upstream) const noexcept { return upstream_ == upstream; }

private:
    void on_timer() noexcept;
    void end() noexcept;

    ngx_http_request_t *request_;
    const ngx_http_upstream_t *upstream_;  // another one: an internal redirect has led elsewhere
    Vigil vigil_;
    Event timer_;
};

namespace {

ngx_http_output_header_filter_pt g_next_header_filter;

/// Has the upstream sent all of it, so that the request ends as fast as its caller reads?
bool is_whole(const ngx_http_upstream_t &u) noexcept {
    const off_t length = u.headers_in.content_length_n;
    return length >= 0 && u.buffer.last - u.buffer.pos >= length;
}

bool is_guarded(const Access *access) noexcept {
    return access != nullptr && is_injecting(*access->conf) && access->token &&
           access->conf->end_withdrawn != 0;
}

ngx_int_t watch(ngx_http_request_t *r, const Access &access) {
    RequestCtx *ctx = ensure_request_ctx(r);
    if (ctx == nullptr) {
        return NGX_ERROR;
    }
    if (ctx->withdrawal != nullptr && ctx->withdrawal->is_of(r->upstream)) {
        return NGX_OK;
    }
    const auto made = PoolPtr<WithdrawalWatch>::make(r->pool, r, access);
    ctx->withdrawal = made.get();
    return made ? NGX_OK : NGX_ERROR;
}

ngx_int_t on_header(ngx_http_request_t *r) noexcept {
    const ngx_int_t rc = g_next_header_filter(r);
    const bool is_over =
        rc == NGX_ERROR || r->header_only || r->headers_out.status == NGX_HTTP_SWITCHING_PROTOCOLS;
    if (is_over || r != r->main || !is_upstream_live(r) || is_whole(*r->upstream)) {
        return rc;
    }
    const Access *access = access_of(r);
    if (!is_guarded(access)) {
        return rc;
    }
    return guarded_or<ngx_int_t>(NGX_ERROR, r->connection->log, "an answer that lasts",
                                 [&] { return watch(r, *access) == NGX_OK ? rc : NGX_ERROR; });
}

/// Does only the end of the connection end the answer, as with callers of HTTP/1.0?
bool ends_with_connection(const ngx_http_request_t *r) noexcept {
    return r->stream == nullptr && !r->chunked && r->headers_out.content_length_n < 0;
}

/// The connection ends without the words that make an end of it: it is reset, and TLS is not closed.
void end_abruptly(ngx_connection_t *c) noexcept {
    c->timedout = 1;   // nginx's own sign for it, which resets by `reset_timedout_connection` only
    c->read->eof = 1;  // or nginx would linger, after a FIN, for a caller that has sent more than its request
    const linger none = {1, 0};
    if (setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)) == -1) {
        ngx_log_error(NGX_LOG_ALERT, c->log, ngx_socket_errno, "nexus: setsockopt(SO_LINGER) failed");
    }
}

/// The end of an answer whose head is with its caller already. What it lacks shows: there is no last chunk,
/// or less than its Content-Length said; HTTP/2 resets the stream, and we what has no other end.
void cut(ngx_http_request_t *r) noexcept {
    r->keepalive = 0;
    if (ends_with_connection(r)) {
        end_abruptly(r->connection);
    }
    end_upstream(r);  // and the request with it
}

/// The same with words, where there is still room for them.
///
/// say  returns what ngx_http_finalize_request takes
template <typename Say>
void end_with(ngx_http_request_t *r, Say &&say) noexcept {
    end_upstream_first(r);
    r->keepalive = 0;
    ngx_http_finalize_request(r, guarded(r, say));
}

}  // namespace

WithdrawalWatch::WithdrawalWatch(ngx_http_request_t *r, const Access &access) noexcept
    : request_(r),
      upstream_(r->upstream),
      vigil_(access),
      timer_(r->connection->log, this,
             [](void *self) noexcept { static_cast<WithdrawalWatch *>(self)->on_timer(); }) {
    timer_.set_cancelable(true);  // a worker that leaves does so when the connection itself lets it
    timer_.arm(Vigil::kEveryMs);
}

void WithdrawalWatch::on_timer() noexcept {
    if (request_->upstream != upstream_ || !is_upstream_live(request_)) {
        return;  // nothing is asked of the provider any more
    }
    ngx_connection_t *c = request_->connection;  // the request, and we with it, may be gone afterwards
    ngx_http_set_log_request(c->log, request_);
    if (vigil_.look()) {
        timer_.arm(Vigil::kEveryMs);
    } else {
        end();
    }
    ngx_http_run_posted_requests(c);
}

void WithdrawalWatch::end() noexcept {
    static constexpr std::string_view kMessage =
        "the credential was withdrawn while the request was under way";
    ngx_http_request_t *r = request_;
    metrics::count(metrics::Counter::kRequestsWithdrawn);
    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "nexus: a request is ended: its credential was withdrawn");
    if (!r->header_sent) {
        end_with(r,
                 [&] { return send_refusal(r, {.errc = Errc::kConnectionNotActive, .message = kMessage}); });
    } else if (is_grpc_call(r)) {
        end_with(r, [&] { return send_grpc_end(r, GrpcStatus::kPermissionDenied, kMessage); });
    } else {
        cut(r);
    }
}

ngx_int_t watch_sending(ngx_http_request_t *r, const Access &access) noexcept {
    if (r->request_body_no_buffering == 0 || !is_guarded(&access)) {
        return NGX_OK;
    }
    return guarded_or<ngx_int_t>(NGX_ERROR, r->connection->log, "a body that is sent as it comes",
                                 [&] { return watch(r, access); });
}

void init_withdrawals() noexcept {
    g_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = on_header;
}

}  // namespace nexus::edge
