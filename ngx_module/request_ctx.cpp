// The module context of a request.
#include "ngx_module/request_ctx.h"

#include <new>

#include "ngx_module/conf.h"

namespace nexus::edge {

RequestCtx *request_ctx(const ngx_http_request_t *r) noexcept {
    return static_cast<RequestCtx *>(ngx_http_get_module_ctx(r, ngx_http_nexus_module));
}

RequestCtx *ensure_request_ctx(ngx_http_request_t *r) noexcept {
    RequestCtx *ctx = request_ctx(r);
    if (ctx != nullptr) {
        return ctx;
    }

    void *place = ngx_palloc(r->pool, sizeof(RequestCtx));
    if (place == nullptr) {
        return nullptr;
    }
    ctx = ::new (place) RequestCtx;
    ngx_http_set_ctx(r, ctx, ngx_http_nexus_module);
    return ctx;
}

}  // namespace nexus::edge
