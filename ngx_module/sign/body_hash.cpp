// A filter of request bodies: nginx gives it each piece once, whatever the body is read by and kept in.
#include "ngx_module/sign/body_hash.h"

#include <utility>

#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/request_ctx.h"

namespace nexus::edge {

namespace {

ngx_http_request_body_filter_pt g_next_filter;

ngx_int_t on_body(ngx_http_request_t *r, ngx_chain_t *in) noexcept {
    const RequestCtx *ctx = request_ctx(r);
    if (ctx != nullptr && ctx->body_hash != nullptr) {
        const bool is_hashed = guarded_or<bool>(false, r->connection->log, "hashing a request body", [&] {
            for (const ngx_chain_t *link = in; link != nullptr; link = link->next) {
                const ngx_buf_t *b = link->buf;
                if (ngx_buf_in_memory(b)) {
                    ctx->body_hash->update(
                        {reinterpret_cast<const char *>(b->pos), static_cast<size_t>(b->last - b->pos)});
                }
            }
            return true;
        });
        if (!is_hashed) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return g_next_filter(r, in);
}

}  // namespace

ngx_int_t hash_body(ngx_http_request_t *r) {
    RequestCtx *ctx = ensure_request_ctx(r);
    if (ctx == nullptr || ctx->body_hash != nullptr) {
        return ctx == nullptr ? NGX_ERROR : NGX_OK;
    }
    const auto hash = PoolPtr<crypto::RunningSha256>::make(r->pool);
    ctx->body_hash = hash.get();
    return hash ? NGX_OK : NGX_ERROR;
}

std::optional<crypto::Sha256> take_body_hash(const ngx_http_request_t *r, uint64_t size) {
    RequestCtx *ctx = request_ctx(r);
    crypto::RunningSha256 *hash = ctx == nullptr ? nullptr : std::exchange(ctx->body_hash, nullptr);
    return hash != nullptr && hash->size() == size ? std::optional(hash->finish()) : std::nullopt;
}

void init_body_hash() noexcept {
    g_next_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = on_body;
}

}  // namespace nexus::edge
