// When requests are judged and answered.
#include "ngx_module/cors/cors.h"

#include "ngx_module/answer/errors.h"
#include "ngx_module/conf.h"
#include "ngx_module/cors/request.h"
#include "ngx_module/metrics/metrics.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/phase_handlers.h"
#include "ngx_module/request_ctx.h"

namespace nexus::edge {

namespace {

using metrics::Counter;

bool is_shadow(const CorsPolicy &policy) {
    return policy.mode == CorsMode::kShadow;
}

ngx_int_t answer_preflight(ngx_http_request_t *r) {
    ngx_int_t rc = ngx_http_discard_request_body(r);
    if (rc == NGX_OK) {
        r->headers_out.status = NGX_HTTP_NO_CONTENT;
        rc = ngx_http_send_header(r);
    }
    ngx_http_finalize_request(r, rc);
    return NGX_DONE;
}

ngx_int_t refuse_origin(ngx_http_request_t *r) {
    ngx_http_finalize_request(
        r, send_refusal(r, {.errc = Errc::kAccessDenied,
                            .message = "pages of this origin may not change anything here by this method"}));
    return NGX_DONE;
}

// First of the phase: whatever the location does in it may be its answer (`return`) or leave it (`rewrite`).
ngx_int_t on_rewrite(ngx_http_request_t *r) noexcept {
    if (r != r->main) {
        return NGX_DECLINED;
    }
    const CorsPolicy *policy = loc_conf(r)->cors.policy;
    const RequestCtx *ctx = request_ctx(r);
    CorsRequest *kept = ctx != nullptr ? ctx->cors : nullptr;
    if (kept != nullptr && (kept->is_redirected || kept->policy == policy)) {
        return NGX_DECLINED;
    }

    if (kept == nullptr) {
        kept = find_cors_request(r);
        if (kept != nullptr && kept->policy != nullptr) {
            kept->is_redirected = true;
            return NGX_DECLINED;
        }
    }
    if (kept == nullptr && policy == nullptr) {
        return NGX_DECLINED;
    }
    return judge_cors_request(r, kept, policy) != nullptr ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}

// Last of the phase: the limits have counted the request.
ngx_int_t on_preaccess(ngx_http_request_t *r) noexcept {
    const CorsRequest *kept = r == r->main ? find_cors_request(r) : nullptr;
    if (kept == nullptr || kept->policy == nullptr || kept->asked == nullptr || is_shadow(*kept->policy)) {
        return NGX_DECLINED;
    }
    return guarded(r, [&]() -> ngx_int_t {
        const cors::Judgement &judgement = kept->asked->judgement;
        // An error_page may lead to an upstream, by which nothing may be changed either; but it must not make
        // a preflight that was limited one that was answered.
        const bool is_decided = kept->is_redirected || r->err_status != 0;
        if (judgement.is_preflight && !is_decided) {
            return answer_preflight(r);
        }
        if (judgement.is_refused && kept->policy->mode == CorsMode::kEnforce) {
            return refuse_origin(r);
        }
        return NGX_DECLINED;
    });
}

/// A location that answers by `return` answers before the phase in which preflights are.
bool is_answered_by_return(ngx_http_request_t *r) {
    const auto *cmcf =
        static_cast<ngx_http_core_main_conf_t *>(ngx_http_get_module_main_conf(r, ngx_http_core_module));
    return cmcf->phase_engine.handlers[r->phase_handler].checker == ngx_http_core_rewrite_phase;
}

void count(const CorsRequest &kept) {
    if (kept.asked == nullptr) {
        return;
    }
    const bool shadow = is_shadow(*kept.policy);
    const cors::Judgement &judgement = kept.asked->judgement;
    if (judgement.is_refused && kept.policy->mode != CorsMode::kOn) {
        return metrics::count(shadow ? Counter::kCorsShadowRefused : Counter::kCorsRefused);
    }
    switch (judgement.verdict) {
        case cors::Verdict::kNone:
            return;
        case cors::Verdict::kSimple:
            return metrics::count(shadow ? Counter::kCorsShadowSimple : Counter::kCorsSimple);
        case cors::Verdict::kPreflight:
            return metrics::count(shadow ? Counter::kCorsShadowPreflight : Counter::kCorsPreflight);
        case cors::Verdict::kDenied:
            return metrics::count(shadow ? Counter::kCorsShadowDenied : Counter::kCorsDenied);
    }
}

}  // namespace

ngx_int_t put_on_cors_headers(ngx_http_request_t *r) noexcept {
    if (r != r->main) {
        return NGX_OK;
    }
    CorsRequest *kept = find_cors_request(r);
    const bool is_judged = kept != nullptr && kept->policy != nullptr;
    const CorsPolicy *policy = is_judged ? kept->policy : loc_conf(r)->cors.policy;
    if (policy == nullptr) {
        return NGX_OK;
    }

    return guarded_or<ngx_int_t>(NGX_ERROR, r->connection->log, "nexus_cors", [&]() -> ngx_int_t {
        if (!is_judged) {  // nginx refused it before the rewrite phase (400, 413)
            kept = judge_cors_request(r, kept, policy);
            if (kept == nullptr) {
                return NGX_ERROR;
            }
        }
        count(*kept);
        if (is_shadow(*policy)) {
            return NGX_OK;
        }
        if (is_judged && !kept->is_redirected && kept->asked != nullptr &&
            kept->asked->judgement.is_preflight && is_answered_by_return(r)) {
            make_preflight_answer(r);
        }
        return put_on_policy_lines(r, *kept);
    });
}

std::string_view cors_verdict(ngx_http_request_t *r) noexcept {
    const CorsRequest *kept = find_cors_request(r->main);
    if (kept == nullptr || kept->policy == nullptr || kept->asked == nullptr) {
        return "none";
    }
    switch (kept->asked->judgement.verdict) {
        case cors::Verdict::kNone:
            break;
        case cors::Verdict::kSimple:
            return "simple";
        case cors::Verdict::kPreflight:
            return "preflight";
        case cors::Verdict::kDenied:
            return "denied";
    }
    return "none";
}

ngx_int_t init_cors(ngx_conf_t *cf) noexcept {
    if (!main_conf(cf)->cors_used) {
        return NGX_OK;
    }
    if (ask_first(cf, NGX_HTTP_REWRITE_PHASE, on_rewrite) != NGX_OK) {
        return NGX_ERROR;
    }
    return ask_last(cf, NGX_HTTP_PREACCESS_PHASE, on_preaccess);
}

}  // namespace nexus::edge
