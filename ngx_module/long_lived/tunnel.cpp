// After the 101, nginx carries bytes past all filters, by the client connection's `send`. That is wrapped, to
// know where frames end: a close frame goes between two of them (background/upstream-signing-notes.md,
// section 9).
#include "ngx_module/long_lived/tunnel.h"

#include <algorithm>

#include "ngx_module/access/access.h"
#include "ngx_module/long_lived/tunnel_conf.h"
#include "ngx_module/long_lived/vigil.h"
#include "ngx_module/metrics/metrics.h"
#include "ngx_module/ngx/event.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/header_lines.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/request_ctx.h"
#include "ngx_module/upstream/live.h"
#include "shared/http1/syntax.h"
#include "shared/websocket/frame_tracker.h"

namespace nexus::edge {

class Tunnel {
public:
    Tunnel(ngx_http_request_t *r, const Access &access) noexcept;
    ~Tunnel();
    Tunnel(const Tunnel &) = delete;
    Tunnel &operator=(const Tunnel &) = delete;

    ssize_t send(u_char *bytes, size_t size) noexcept;

private:
    void on_timer() noexcept;
    void watch() noexcept;
    void begin_close(metrics::Counter counter, std::string_view reason) noexcept;
    void go_on_closing() noexcept;
    ssize_t pass(u_char *bytes, size_t size) noexcept;
    bool send_close_frame() noexcept;
    void end() noexcept;

    ngx_http_request_t *request_;
    ngx_connection_t *client_;
    const Access &access_;
    ngx_send_pt next_send_;
    ngx_msec_t opened_at_;
    ngx_msec_t max_age_;
    bool is_websocket_;
    websocket::FrameTracker frames_;
    size_t begun_ = 0;  // over TLS: so many bytes, at least, have to be given again before any other
    Vigil vigil_;
    Event timer_;
    std::string_view close_reason_;  // static text; empty: it is open
    ngx_msec_t close_by_ = 0;
    websocket::CloseFrame close_frame_{};
    size_t close_frame_sent_ = 0;
};

namespace {

using metrics::Counter;

constexpr ngx_msec_t kCloseWithinMs = 2000;  // of a frame that does not end, or a client that does not read
constexpr ngx_msec_t kCloseAgainMs = 10;

ngx_http_output_header_filter_pt g_next_header_filter;

bool is_past(ngx_msec_t at) noexcept {
    return static_cast<ngx_msec_int_t>(ngx_current_msec - at) >= 0;
}

bool is_websocket(ngx_http_upstream_headers_in_t &headers) {
    bool found = false;
    for_each_line(headers.headers, [&](const ngx_table_elt_t &line) {
        found = found || (http1::equal_ignoring_case(to_view(line.key), "Upgrade") &&
                          http1::equal_ignoring_case(to_view(line.value), "websocket"));
    });
    return found;
}

ssize_t on_send(ngx_connection_t *c, u_char *bytes, size_t size) noexcept {
    const auto *r = static_cast<const ngx_http_request_t *>(c->data);
    return request_ctx(r)->tunnel->send(bytes, size);
}

bool is_upgrade(const ngx_http_request_t *r) noexcept {
    return r == r->main && r->upstream != nullptr && r->upstream->upgrade &&
           r->headers_out.status == NGX_HTTP_SWITCHING_PROTOCOLS;
}

ngx_int_t on_header(ngx_http_request_t *r) noexcept {
    const ngx_int_t rc = g_next_header_filter(r);
    if (rc == NGX_ERROR || !is_upgrade(r)) {
        return rc;
    }
    const Access *access = access_of(r);
    if (access == nullptr || !is_injecting(*access->conf) || !access->token ||
        access->conf->ws_max_age == kTunnelsUnwatched) {
        return rc;
    }
    return guarded_or<ngx_int_t>(NGX_ERROR, r->connection->log, "an upgraded connection", [&] {
        const auto tunnel = PoolPtr<Tunnel>::make(r->pool, r, *access);
        if (!tunnel) {
            return ngx_int_t{NGX_ERROR};
        }
        request_ctx(r)->tunnel = tunnel.get();
        r->connection->send = on_send;
        return rc;
    });
}

}  // namespace

Tunnel::Tunnel(ngx_http_request_t *r, const Access &access) noexcept
    : request_(r),
      client_(r->connection),
      access_(access),
      next_send_(r->connection->send),
      opened_at_(ngx_current_msec),
      max_age_(access.conf->ws_max_age),
      is_websocket_(is_websocket(r->upstream->headers_in)),
      vigil_(access),
      timer_(r->connection->log, this, [](void *self) noexcept { static_cast<Tunnel *>(self)->on_timer(); }) {
    timer_.set_cancelable(true);  // a worker that leaves does so when the connection itself lets it
    timer_.arm(Vigil::kEveryMs);
}

Tunnel::~Tunnel() {
    client_->send = next_send_;
}

/// What OpenSSL could not write whole, it has made records of, and some of these may have gone: it wants the
/// same bytes again (SSL_write(3), without SSL_MODE_ENABLE_PARTIAL_WRITE).
ssize_t Tunnel::pass(u_char *bytes, size_t size) noexcept {
    const ssize_t sent = next_send_(client_, bytes, size);
    begun_ = sent == NGX_AGAIN && client_->ssl != nullptr ? size : 0;
    if (sent > 0 && is_websocket_) {
        frames_.feed({reinterpret_cast<const char *>(bytes), static_cast<size_t>(sent)});
    }
    return sent;
}

// While it is being closed, nothing passes the end of the frame that is under way.
ssize_t Tunnel::send(u_char *bytes, size_t size) noexcept {
    if (close_reason_.empty() || !is_websocket_ || frames_.is_lost()) {
        return pass(bytes, size);
    }

    size_t done = 0;
    while (done < size && (begun_ > 0 || !frames_.is_at_boundary()) && !frames_.is_lost()) {
        const uint64_t most = begun_ > 0 ? begun_ : frames_.bytes_within_frame();
        const ssize_t sent = pass(bytes, static_cast<size_t>(std::min<uint64_t>(most, size - done)));
        if (sent <= 0) {
            return done > 0 ? static_cast<ssize_t>(done) : sent;
        }
        bytes += sent;
        done += static_cast<size_t>(sent);
    }
    timer_.post();
    return done > 0 ? static_cast<ssize_t>(done) : NGX_AGAIN;
}

void Tunnel::on_timer() noexcept {
    if (!is_upstream_live(request_)) {
        return;  // it is over, and the client is being waited for
    }
    ngx_connection_t *c = client_;  // the request, and we with it, may be gone afterwards
    ngx_http_set_log_request(c->log, request_);
    if (close_reason_.empty()) {
        watch();
    } else {
        go_on_closing();
    }
    ngx_http_run_posted_requests(c);
}

void Tunnel::watch() noexcept {
    const record::Header &credential = access_.answer->header;
    const UnixMs now = now_ms();
    if (credential.is_expired(now)) {
        begin_close(Counter::kTunnelsExpired, "the credential has expired");
        return;
    }
    if (max_age_ != kTunnelsAsCredential && is_past(opened_at_ + max_age_)) {
        begin_close(Counter::kTunnelsTooOld, "the connection is too old");
        return;
    }
    if (!vigil_.look()) {
        begin_close(Counter::kTunnelsWithdrawn, "the credential was withdrawn");
        return;
    }

    ngx_msec_t next = Vigil::kEveryMs;
    if (credential.expires_at != 0) {
        next = std::min(next, static_cast<ngx_msec_t>(credential.expires_at - now));
    }
    if (max_age_ != kTunnelsAsCredential) {
        next = std::min(next, opened_at_ + max_age_ - ngx_current_msec);
    }
    timer_.arm(next);
}

void Tunnel::begin_close(metrics::Counter counter, std::string_view reason) noexcept {
    metrics::count(counter);
    ngx_str_t text = to_ngx_str(reason);
    ngx_log_error(NGX_LOG_INFO, client_->log, 0, "nexus: an upgraded connection is closed: %V", &text);
    close_reason_ = reason;
    close_frame_ = websocket::close_frame(websocket::kServiceRestart, reason);
    close_by_ = ngx_current_msec + kCloseWithinMs;
    go_on_closing();
}

void Tunnel::go_on_closing() noexcept {
    const bool is_silent = !is_websocket_ || frames_.is_lost() || frames_.has_closed();
    if (is_silent || send_close_frame() || is_past(close_by_)) {
        end();
        return;
    }
    timer_.arm(kCloseAgainMs);
}

/// false: not yet, in the middle of a frame or with a socket that takes no more
bool Tunnel::send_close_frame() noexcept {
    while (close_frame_sent_ < close_frame_.size) {
        const bool is_between = close_frame_sent_ > 0 || (begun_ == 0 && frames_.is_at_boundary());
        if (!is_between || !client_->write->ready) {
            return false;
        }
        const ssize_t sent =
            next_send_(client_, reinterpret_cast<u_char *>(close_frame_.bytes.data()) + close_frame_sent_,
                       close_frame_.size - close_frame_sent_);
        if (sent == NGX_AGAIN) {
            return false;
        }
        if (sent <= 0) {
            return true;  // there is nobody to tell
        }
        close_frame_sent_ += static_cast<size_t>(sent);
    }
    return true;
}

void Tunnel::end() noexcept {
    client_->send = next_send_;
    // What the client has sent meanwhile must not become a reset, and the frame with it lost.
    request_->lingering_close = 1;
    end_upstream(request_);
}

void init_tunnels() noexcept {
    g_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = on_header;
}

}  // namespace nexus::edge
