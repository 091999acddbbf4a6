// Wrapping the location's content handler and the upstream's create_request; wrap.h says why.
#include "ngx_module/upstream/wrap.h"

#include "ngx_module/answer/errors.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/ngx/wiped_area.h"
#include "ngx_module/request_ctx.h"
#include "ngx_module/upstream/checks.h"

// Weak: an nginx may be built without gRPC.
extern "C" {
extern ngx_module_t ngx_http_proxy_module;
extern ngx_module_t ngx_http_grpc_module __attribute__((weak));
}

namespace nexus::edge {

namespace {

// What nginx calls in place of the original create_request, which has been called already. It has just put
// the body into u->request_bufs; the request, body included, is what we kept.
ngx_int_t on_create_request(ngx_http_request_t *r) noexcept {
    const RequestCtx *ctx = request_ctx(r);
    if (ctx == nullptr || ctx->upstream.request_bufs == nullptr) {
        return NGX_ERROR;
    }
    r->upstream->request_bufs = ctx->upstream.request_bufs;
    return NGX_OK;
}

Refusal refusal_of(const UpstreamWrap &wrap) {
    return {.errc = wrap.refusal, .message = wrap.refusal_message, .status = wrap.refusal_status};
}

ngx_int_t refuse_with_log(ngx_http_request_t *r, const char *why) {
    ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0, "nexus: %s, the request is not sent", why);
    return refuse_upstream(r, Errc::kInternal);
}

/// nullptr: what that upstream module serialises cannot be edited.
UpstreamHandler patch_for(const ngx_http_upstream_t &u, const UpstreamWrap &wrap) noexcept {
    if (u.output.tag == static_cast<ngx_buf_tag_t>(&ngx_http_proxy_module)) {
        return wrap.patch;
    }
    return is_grpc(u) ? wrap.patch_grpc : nullptr;
}

// Serialising right before the upstream starts, and not from within, leaves room for a proper answer to a
// refusal.
ngx_int_t serialise(ngx_http_request_t *r, UpstreamWrap &wrap) {
    ngx_http_upstream_t *u = r->upstream;
    const UpstreamHandler patch = patch_for(*u, wrap);
    if (patch == nullptr) {
        return refuse_with_log(r, wrap.patch_grpc != nullptr
                                      ? "only proxy_pass and grpc_pass can be given a credential"
                                      : "only proxy_pass can be given a credential");
    }
    if (keeps_answers(*u->conf)) {  // what `nginx -t` could not see
        return refuse_with_log(r, "proxy_cache and proxy_store would share one caller's answer with others");
    }

    if (wrap.check != nullptr) {
        const ngx_int_t rc = wrap.check(r, wrap.data);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (r->request_body != nullptr) {
        u->request_bufs = r->request_body->bufs;
    }
    if (u->create_request(r) != NGX_OK) {
        return refuse_upstream(r, Errc::kInternal);
    }
    const ngx_int_t rc = patch(r, wrap.data);
    if (rc != NGX_OK) {
        return rc;
    }

    wrap.request_bufs = u->request_bufs;
    u->create_request = on_create_request;
    if (!is_grpc(*u)) {
        drop_interim_answers(r);
    }
    return NGX_OK;
}

// The body is there (or is read unbuffered). nginx calls it in place of ngx_http_upstream_init, and so it
// owns the reference that reading the body took.
void on_body_ready(ngx_http_request_t *r) noexcept {
    RequestCtx *ctx = request_ctx(r);
    const ngx_int_t rc =
        guarded_or<ngx_int_t>(NGX_ERROR, r->connection->log, "serialising the upstream request",
                              [&] { return serialise(r, ctx->upstream); });
    if (rc == NGX_OK) {
        ngx_http_upstream_init(r);
        return;
    }
    if (rc == NGX_AGAIN || rc == NGX_DONE) {
        return;
    }

    ngx_http_finalize_request(r, r == r->main
                                     ? send_refusal(r, refusal_of(ctx->upstream))
                                     : static_cast<ngx_int_t>(errc_info(ctx->upstream.refusal).http_status));
}

/// An error_page has led here after another upstream was given the body as it came. nginx would announce it
/// again and send what is left of it, which the next upstream waits for.
bool has_passed_on_body(const ngx_http_request_t *r) noexcept {
    return r == r->main && r->request_body != nullptr && r->request_body_no_buffering;
}

ngx_int_t on_content(ngx_http_request_t *r) noexcept {
    RequestCtx *ctx = request_ctx(r);
    if (ctx == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    if (has_passed_on_body(r)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "nexus: an unbuffered body was passed on before, the request is not sent again");
        return send_refusal(r, {.errc = Errc::kProviderError,
                                .message = "the request's body was passed on and cannot be sent again"});
    }

    // In these cases nginx starts the upstream at once, from within the original handler.
    const bool had_body = r != r->main || r->request_body != nullptr || r->discard_body;

    // With `aio` set, ngx_http_upstream_init_request returns at once: r->upstream is set up, nothing is
    // serialised.
    r->aio = 1;
    const ngx_int_t rc = ctx->upstream.content_handler(r);
    r->aio = 0;

    ngx_http_upstream_t *u = r->upstream;
    if (rc >= NGX_HTTP_SPECIAL_RESPONSE || rc == NGX_ERROR) {
        // e.g. no URL to send to, because a variable of ours has refused to make one
        const bool refused = ctx->upstream.refusal != Errc::kInternal && r == r->main;
        return refused ? send_refusal(r, refusal_of(ctx->upstream)) : rc;
    }
    if (u == nullptr) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "nexus: this location proxies nothing, so no credential is put on");
        return rc;
    }

    const bool has_no_body = r->headers_in.content_length_n < 0 && !r->headers_in.chunked;
    ngx_http_request_body_t *body = r->request_body;
    const bool may_start =
        had_body || has_no_body || r->request_body_no_buffering || (body != nullptr && body->last_saved);
    if (may_start) {
        on_body_ready(r);
    } else if (body != nullptr) {
        body->post_handler = on_body_ready;  // the body is still arriving
    }
    return rc;
}

}  // namespace

bool is_grpc(const ngx_http_upstream_t &u) noexcept {
    return &ngx_http_grpc_module != nullptr &&
           u.output.tag == static_cast<ngx_buf_tag_t>(&ngx_http_grpc_module);
}

ngx_int_t wrap_upstream(ngx_http_request_t *r, UpstreamHandler check, UpstreamHandler patch, void *data,
                        UpstreamHandler patch_grpc) noexcept {
    if (r->content_handler == nullptr) {
        return NGX_DECLINED;
    }

    RequestCtx *ctx = ensure_request_ctx(r);
    if (ctx == nullptr) {
        return NGX_ERROR;
    }

    if (r->content_handler != on_content) {
        ctx->upstream.content_handler = r->content_handler;
        r->content_handler = on_content;
    }
    ctx->upstream.patch = patch;
    ctx->upstream.patch_grpc = patch_grpc;
    ctx->upstream.check = check;
    ctx->upstream.data = data;
    return NGX_OK;
}

void resume_upstream(ngx_http_request_t *r) noexcept {
    on_body_ready(r);
}

ngx_int_t refuse_upstream(ngx_http_request_t *r, Errc errc, std::string_view message, int status) noexcept {
    if (RequestCtx *ctx = request_ctx(r); ctx != nullptr) {
        ctx->upstream.refusal = errc;
        ctx->upstream.refusal_message = message;
        ctx->upstream.refusal_status = status;
    }
    return NGX_ERROR;
}

std::string_view request_head(const ngx_http_request_t *r) noexcept {
    const ngx_chain_t *first = r->upstream != nullptr ? r->upstream->request_bufs : nullptr;
    if (first == nullptr || first->buf == nullptr || !ngx_buf_in_memory(first->buf)) {
        return {};
    }

    const std::string_view block{reinterpret_cast<const char *>(first->buf->pos),
                                 static_cast<size_t>(first->buf->last - first->buf->pos)};
    const size_t end = block.find("\r\n\r\n");
    return end == std::string_view::npos ? std::string_view{} : block.substr(0, end + 4);
}

ngx_int_t rewrite_request_block(ngx_http_request_t *r, const http1::BlockEdit &edit) noexcept {
    if (request_head(r).empty()) {
        return refuse_upstream(r, Errc::kInternal);
    }
    ngx_buf_t *b = r->upstream->request_bufs->buf;
    const std::string_view block{reinterpret_cast<const char *>(b->pos),
                                 static_cast<size_t>(b->last - b->pos)};

    return guarded_or<ngx_int_t>(
        NGX_ERROR, r->connection->log, "editing the upstream request", [&]() -> ngx_int_t {
            const std::span<char> area = wiped_area(r->pool, http1::edited_size_bound(block, edit));
            if (area.data() == nullptr) {
                return refuse_upstream(r, Errc::kInternal);
            }

            const Result<size_t> size = http1::edit_block(block, edit, area);
            if (!size) {
                ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                              "nexus: the request's head could not be edited, the request is not sent");
                return refuse_upstream(r, Errc::kInvalidRequest);
            }

            // start == pos: a retry sends the buffer again from `start`
            b->start = reinterpret_cast<u_char *>(area.data());
            b->pos = b->start;
            b->last = b->start + *size;
            b->end = b->start + area.size();
            return NGX_OK;
        });
}

}  // namespace nexus::edge
