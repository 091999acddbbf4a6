// When limits are asked, and what is known of them afterwards.
#include "ngx_module/limits/ask.h"

#include <new>
#include <utility>

#include "ngx_module/conf.h"
#include "ngx_module/limits/round.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/phase_handlers.h"
#include "ngx_module/request_ctx.h"

namespace nexus::edge::limits {

namespace {

/// Marks our cleanup, too.
void on_request_end(void *data) noexcept {
    if (Round *round = static_cast<Asked *>(data)->round) {
        round->leave();
    }
}

Asked *find_kept(const ngx_http_request_t *r) {
    for (ngx_pool_cleanup_t *cln = r->pool->cleanup; cln != nullptr; cln = cln->next) {
        if (cln->handler == on_request_end) {
            return static_cast<Asked *>(cln->data);
        }
    }
    return nullptr;
}

Asked *ensure_asked(ngx_http_request_t *r, RequestCtx &ctx) {
    if (ctx.limits != nullptr) {
        return ctx.limits;
    }
    ctx.limits = find_asked(r);
    if (ctx.limits == nullptr) {
        ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(r->pool, sizeof(Asked));
        if (cln == nullptr) {
            return nullptr;
        }
        cln->handler = on_request_end;
        ctx.limits = ::new (cln->data) Asked;
        ctx.limits->request = r;
    }
    return ctx.limits;
}

ngx_int_t on_preaccess(ngx_http_request_t *r) noexcept {
    if (r != r->main) {
        return NGX_DECLINED;
    }
    const ngx_int_t rc = guarded(r, [&] { return ask(r, Stage::kEarly, nullptr); });
    switch (rc) {
        case NGX_OK:
            return NGX_DECLINED;
        case NGX_ERROR:
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        default:
            return rc;
    }
}

}  // namespace

Asked *find_asked(const ngx_http_request_t *r) noexcept {
    const RequestCtx *ctx = request_ctx(r);
    if (ctx != nullptr && ctx->limits != nullptr) {
        return ctx->limits;
    }
    // nginx has cleared the context if the request was redirected since.
    return r->internal || r->filter_finalize ? find_kept(r) : nullptr;
}

ngx_int_t ask(ngx_http_request_t *r, Stage stage, const Access *access) {
    const LimitsConf &conf = loc_conf(r)->limits;
    const unsigned bit = 1U << static_cast<unsigned>(stage);
    if ((conf.stages & bit) == 0 || r->err_status != 0) {  // an answer to an error is no request
        return NGX_OK;
    }
    RequestCtx *ctx = ensure_request_ctx(r);
    Asked *asked = ctx != nullptr ? ensure_asked(r, *ctx) : nullptr;
    if (asked == nullptr) {
        return NGX_ERROR;
    }
    if (asked->is_waiting) {
        return NGX_AGAIN;  // some other event woke us
    }
    if (Round *round = std::exchange(asked->round, nullptr)) {
        return round->resume();
    }
    if ((ctx->limit_stages & bit) != 0) {
        return NGX_OK;
    }
    ctx->limit_stages |= bit;
    Round *round = Round::make(*asked, conf, stage, access);
    return round != nullptr ? round->run() : NGX_ERROR;
}

std::string_view status_text(const ngx_http_request_t *r) noexcept {
    const Asked *asked = find_asked(r);
    switch (asked != nullptr ? asked->status : Status::kNone) {
        case Status::kPassed:
            return "passed";
        case Status::kDelayed:
            return "delayed";
        case Status::kRejected:
            return "rejected";
        case Status::kDryRunDelayed:
            return "delayed_dry_run";
        case Status::kDryRunRejected:
            return "rejected_dry_run";
        case Status::kNone:
            break;
    }
    return {};
}

ngx_int_t init(ngx_conf_t *cf) noexcept {
    if (main_conf(cf)->limit_zones == nullptr) {
        return NGX_OK;
    }
    if (check_zones(cf) != NGX_OK) {
        return NGX_ERROR;
    }
    if (main_conf(cf)->limit_headers_used) {
        add_header_filter();
    }
    return ask_last(cf, NGX_HTTP_PREACCESS_PHASE, on_preaccess);
}

}  // namespace nexus::edge::limits
