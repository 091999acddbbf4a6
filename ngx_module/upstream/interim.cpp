// Reading heads before the proxy module does; interim.h says why.
#include "ngx_module/upstream/interim.h"

#include "ngx_module/request_ctx.h"
#include "shared/http1/header_block.h"

namespace nexus::edge {

namespace {

// Nobody sends as many: it bounds what one provider can have a worker read in one go.
constexpr unsigned kMaxDropped = 32;

ngx_int_t refuse_head(ngx_http_request_t *r, const char *why) noexcept {
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "nexus: the provider %s: its answer is not passed on",
                  why);
    return NGX_HTTP_UPSTREAM_INVALID_HEADER;
}

void begin_head(InterimAnswers &interim) noexcept {
    interim.status = {};
    interim.bytes_read = 0;
    interim.is_interim = false;
}

/// The proxy module reads this head, from its first byte on, and all that follows.
ngx_int_t hand_over(ngx_http_request_t *r, const InterimAnswers &interim) noexcept {
    r->state = 0;
    r->upstream->process_header = interim.process_header;
    return r->upstream->process_header(r);
}

/// The head makes room for what follows it: heads share one buffer of proxy_buffer_size.
void drop_head(ngx_buf_t &buffer, InterimAnswers &interim) noexcept {
    const u_char *rest = buffer.pos + interim.bytes_read;
    buffer.last = ngx_movemem(buffer.pos, rest, static_cast<size_t>(buffer.last - rest));
    ++interim.dropped;
    begin_head(interim);
}

/// returns NGX_OK: the status line of an interim answer; NGX_DONE: of one that is not, NGX_AGAIN, or
/// NGX_HTTP_UPSTREAM_INVALID_HEADER
ngx_int_t read_status_line(ngx_http_request_t *r, ngx_buf_t &unread, InterimAnswers &interim) noexcept {
    const ngx_int_t rc = ngx_http_parse_status_line(r, &unread, &interim.status);
    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }
    const ngx_uint_t code = interim.status.code;
    if (rc != NGX_OK || code < NGX_HTTP_CONTINUE) {
        return refuse_head(r, "sent no status line");
    }
    if (code >= NGX_HTTP_OK) {
        return NGX_DONE;
    }
    if (code == NGX_HTTP_SWITCHING_PROTOCOLS) {
        return interim.may_switch ? NGX_DONE : refuse_head(r, "switches protocols though nobody asked");
    }
    if (interim.dropped == kMaxDropped) {
        return refuse_head(r, "sent too many interim answers");
    }
    interim.is_interim = true;
    return NGX_OK;
}

/// returns NGX_OK: the head is over, NGX_AGAIN, or NGX_HTTP_UPSTREAM_INVALID_HEADER
ngx_int_t read_lines(ngx_http_request_t *r, ngx_buf_t &unread) noexcept {
    for (;;) {
        const ngx_int_t rc = ngx_http_parse_header_line(r, &unread, 1);
        if (rc == NGX_HTTP_PARSE_HEADER_DONE) {
            return NGX_OK;
        }
        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }
        if (rc != NGX_OK) {
            return refuse_head(r, "sent a malformed interim answer");
        }
    }
}

ngx_int_t on_process_header(ngx_http_request_t *r) noexcept {
    RequestCtx *ctx = request_ctx(r);
    if (ctx == nullptr) {
        return NGX_ERROR;
    }
    InterimAnswers &interim = ctx->upstream.interim;
    ngx_buf_t &buffer = r->upstream->buffer;  // its pos stays at the head's first byte
    for (;;) {
        ngx_buf_t unread = buffer;
        unread.pos += interim.bytes_read;
        const bool has_status = interim.is_interim;
        const ngx_int_t rc = has_status ? read_lines(r, unread) : read_status_line(r, unread, interim);
        if (rc == NGX_DONE) {
            return hand_over(r, interim);
        }
        interim.bytes_read = static_cast<size_t>(unread.pos - buffer.pos);
        if (rc != NGX_OK) {
            return rc;
        }
        if (has_status) {
            drop_head(buffer, interim);
        }
    }
}

ngx_int_t on_reinit_request(ngx_http_request_t *r) noexcept {
    RequestCtx *ctx = request_ctx(r);
    if (ctx == nullptr) {
        return NGX_ERROR;
    }
    InterimAnswers &interim = ctx->upstream.interim;
    const ngx_int_t rc = interim.reinit_request(r);
    begin_head(interim);
    interim.dropped = 0;
    r->upstream->process_header = on_process_header;
    return rc;
}

/// Does the request ask for another protocol, so that a 101 is an answer to it? nginx makes a tunnel of one
/// if the client asked, whatever the location passes on, and over HTTP/2 too: there nobody can ask (RFC 9113
/// section 8.2.2), and what comes through the tunnel would go between the frames of all the connection's
/// streams.
bool may_switch(const ngx_http_request_t *r) noexcept {
    return r->http_version < NGX_HTTP_VERSION_20 && r->headers_in.upgrade != nullptr &&
           http1::has_header(request_head(r), "Upgrade");
}

}  // namespace

void drop_interim_answers(ngx_http_request_t *r) noexcept {
    ngx_http_upstream_t *u = r->upstream;
    InterimAnswers &interim = request_ctx(r)->upstream.interim;
    interim = {};
    interim.process_header = u->process_header;
    interim.reinit_request = u->reinit_request;
    interim.may_switch = may_switch(r);
    u->process_header = on_process_header;
    u->reinit_request = on_reinit_request;
}

}  // namespace nexus::edge
