// Where requests come from and header lines go to.
#include "ngx_module/cors.h"

#include <algorithm>
#include <string>

#include "ngx_module/conf.h"
#include "ngx_module/errors.h"
#include "ngx_module/metrics.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/request_ctx.h"
#include "shared/http1/syntax.h"

namespace nexus::edge {

/// A request with an Origin header.
struct Asked {
    cors::Request request;
    cors::Judgement judgement;
};

/// What is kept of a request. It lies in a cleanup of the request's pool, where it survives internal
/// redirects.
struct CorsRequest {
    const CorsPolicy *policy;  // nullptr: rewritten into a location without one
    const Asked *asked;        // nullptr: there is no Origin header
    bool is_redirected;        // something else has decided: only the answer's headers are left to do
};

namespace {

using metrics::Counter;

constexpr std::string_view kVary = "Vary";
constexpr std::string_view kOwnPrefix = "Access-Control-";

/// nginx's hash of a header's name, which it has computed for each line it has read.
constexpr ngx_uint_t header_hash(std::string_view lower_case) {
    ngx_uint_t hash = 0;
    for (const char c : lower_case) {
        hash = hash * 31 + static_cast<unsigned char>(c);  // ngx_hash()
    }
    return hash;
}

// ---- what the request says

template <typename Visit>
void for_each_line(ngx_list_t &lines, Visit visit) {
    for (ngx_list_part_t *part = &lines.part; part != nullptr; part = part->next) {
        auto *line = static_cast<ngx_table_elt_t *>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            visit(line[i]);
        }
    }
}

bool has_origin(ngx_http_request_t *r) {
    constexpr std::string_view kOrigin = "origin";
    constexpr ngx_uint_t kHash = header_hash(kOrigin);
    bool found = false;
    for_each_line(r->headers_in.headers, [&](const ngx_table_elt_t &line) {
        found = found || (line.hash == kHash && http1::equal_ignoring_case(to_view(line.key), kOrigin));
    });
    return found;
}

void note(cors::Request::Field &field, const ngx_table_elt_t &line) {
    field.is_repeated = field.is_present;
    field.is_present = true;
    field.value = to_view(line.value);
}

cors::Request read_request(ngx_http_request_t *r) {
    cors::Request request{.method = to_view(r->method_name), .origin = {}};
    for_each_line(r->headers_in.headers, [&](const ngx_table_elt_t &line) {
        const std::string_view name = to_view(line.key);
        const auto is = [&](std::string_view wanted) { return http1::equal_ignoring_case(name, wanted); };
        if (is("Origin")) {
            note(request.origin, line);
        } else if (is("Access-Control-Request-Method")) {
            note(request.requested_method, line);
        } else if (is("Access-Control-Request-Headers")) {
            note(request.requested_headers, line);
        } else if (is("Access-Control-Request-Private-Network")) {
            note(request.requested_private_network, line);
        } else if (is("Sec-Fetch-Site")) {
            request.fetch_site = to_view(line.value);
        }
    });
    if (r->headers_in.host != nullptr) {
        request.host = to_view(r->headers_in.host->value);
    }
    request.is_upgrade = r->headers_in.upgrade != nullptr;
    return request;
}

// ---- what is kept of it

void on_request_end(void *) noexcept {}  // marks our cleanup

CorsRequest *find_kept(const ngx_http_request_t *r) {
    for (ngx_pool_cleanup_t *cln = r->pool->cleanup; cln != nullptr; cln = cln->next) {
        if (cln->handler == on_request_end) {
            return static_cast<CorsRequest *>(cln->data);
        }
    }
    return nullptr;
}

/// As far as it was judged. nginx has cleared the module's context if the request was redirected since.
CorsRequest *find(const ngx_http_request_t *r) {
    const RequestCtx *ctx = request_ctx(r);
    if (ctx != nullptr && ctx->cors != nullptr) {
        return ctx->cors;
    }
    return r->internal || r->filter_finalize ? find_kept(r) : nullptr;
}

CorsRequest *make_kept(ngx_http_request_t *r) {
    ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(r->pool, sizeof(CorsRequest));
    if (cln == nullptr) {
        return nullptr;
    }
    cln->handler = on_request_end;
    return ::new (cln->data) CorsRequest{};
}

/// Judges the request by `policy`, which may be nullptr. nullptr: out of memory
CorsRequest *judge(ngx_http_request_t *r, CorsRequest *kept, const CorsPolicy *policy) {
    RequestCtx *ctx = ensure_request_ctx(r);
    if (kept == nullptr) {
        kept = make_kept(r);
    }
    if (ctx == nullptr || kept == nullptr) {
        return nullptr;
    }

    *kept = {policy, nullptr, false};
    if (policy != nullptr && has_origin(r)) {
        void *place = ngx_palloc(r->pool, sizeof(Asked));
        if (place == nullptr) {
            return nullptr;
        }
        auto *asked = ::new (place) Asked{read_request(r), {}};
        asked->judgement = policy->policy.judge(asked->request);
        kept->asked = asked;
    }
    ctx->cors = kept;
    return kept;
}

bool is_shadow(const CorsPolicy &policy) {
    return policy.mode == CorsMode::kShadow;
}

// ---- answers of our own

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

    if (kept == nullptr && r->internal) {
        kept = find_kept(r);
        if (kept != nullptr && kept->policy != nullptr) {
            kept->is_redirected = true;
            return NGX_DECLINED;
        }
    }
    if (kept == nullptr && policy == nullptr) {
        return NGX_DECLINED;
    }
    return judge(r, kept, policy) != nullptr ? NGX_DECLINED : NGX_ERROR;
}

// Last of the phase: the limits have counted the request.
ngx_int_t on_preaccess(ngx_http_request_t *r) noexcept {
    const CorsRequest *kept = r == r->main ? find(r) : nullptr;
    if (kept == nullptr || kept->policy == nullptr || kept->asked == nullptr || kept->is_redirected ||
        is_shadow(*kept->policy) || r->err_status != 0) {
        return NGX_DECLINED;
    }
    return guarded(r, [&]() -> ngx_int_t {
        const cors::Judgement &judgement = kept->asked->judgement;
        if (judgement.is_preflight) {
            return answer_preflight(r);
        }
        if (judgement.is_refused && kept->policy->mode == CorsMode::kEnforce) {
            return refuse_origin(r);
        }
        return NGX_DECLINED;
    });
}

// ---- the answer's header lines

/// A location that answers by `return` answers before the phase in which preflights are.
bool is_answered_by_return(ngx_http_request_t *r) {
    const auto *cmcf =
        static_cast<ngx_http_core_main_conf_t *>(ngx_http_get_module_main_conf(r, ngx_http_core_module));
    return cmcf->phase_engine.handlers[r->phase_handler].checker == ngx_http_core_rewrite_phase;
}

/// As the filter of "304 Not Modified" does it: the header filter then sends no body.
void make_preflight_answer(ngx_http_request_t *r) {
    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->headers_out.status_line.len = 0;
    r->headers_out.content_type.len = 0;
    ngx_http_clear_content_length(r);
    ngx_http_clear_location(r);
    ngx_http_clear_etag(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_accept_ranges(r);
}

bool is_own_line(const ngx_table_elt_t &line) {
    return line.key.len > kOwnPrefix.size() &&
           http1::equal_ignoring_case(to_view(line.key).substr(0, kOwnPrefix.size()), kOwnPrefix);
}

void remove_own_lines(ngx_http_request_t *r) {
    for_each_line(r->headers_out.headers, [](ngx_table_elt_t &line) {
        if (is_own_line(line)) {
            line.hash = 0;
        }
    });
}

ngx_int_t add_line(ngx_http_request_t *r, std::string_view name, std::string_view value) {
    auto *line = static_cast<ngx_table_elt_t *>(ngx_list_push(&r->headers_out.headers));
    if (line == nullptr) {
        return NGX_ERROR;
    }
    *line = {};
    line->hash = 1;
    line->key = to_ngx_str(name);
    line->value = to_ngx_str(value);
    return NGX_OK;
}

/// Adds to the Vary line that is there, so that there is one.
ngx_int_t add_vary(ngx_http_request_t *r, std::string_view name) {
    ngx_table_elt_t *last = nullptr;
    bool is_listed = false;
    for_each_line(r->headers_out.headers, [&](ngx_table_elt_t &line) {
        if (line.hash != 0 && http1::equal_ignoring_case(to_view(line.key), kVary)) {
            last = &line;
            is_listed = is_listed || cors::is_in_vary(to_view(line.value), name);
        }
    });
    if (is_listed) {
        return NGX_OK;
    }
    if (last == nullptr) {
        return add_line(r, kVary, name);
    }
    const std::string_view has = to_view(last->value);
    last->value = copy_to_pool(r->pool, std::string{has}.append(has.empty() ? "" : ", ").append(name));
    return last->value.data != nullptr ? NGX_OK : NGX_ERROR;
}

ngx_int_t put_on(ngx_http_request_t *r, const CorsRequest &kept) {
    static const Asked kNobody{};
    const Asked &asked = kept.asked != nullptr ? *kept.asked : kNobody;
    const cors::Answer answer = kept.policy->policy.answer(asked.request, asked.judgement);

    remove_own_lines(r);
    for (const http1::HeaderLine &line : answer.headers()) {
        if (add_line(r, line.name, line.value) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    for (const std::string_view name : answer.vary) {
        if (add_vary(r, name) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    return NGX_OK;
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
    CorsRequest *kept = find(r);
    const bool is_judged = kept != nullptr && kept->policy != nullptr;
    const CorsPolicy *policy = is_judged ? kept->policy : loc_conf(r)->cors.policy;
    if (policy == nullptr) {
        return NGX_OK;
    }

    return guarded_or<ngx_int_t>(NGX_ERROR, r->connection->log, "nexus_cors", [&]() -> ngx_int_t {
        if (!is_judged) {  // nginx refused it before the rewrite phase (400, 413)
            kept = judge(r, kept, policy);
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
        return put_on(r, *kept);
    });
}

std::string_view cors_verdict(ngx_http_request_t *r) noexcept {
    const CorsRequest *kept = find(r->main);
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
    auto *cmcf = static_cast<ngx_http_core_main_conf_t *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    // nginx asks the handlers of a phase in the reverse of their order.
    auto *first_asked =
        static_cast<ngx_http_handler_pt *>(ngx_array_push(&cmcf->phases[NGX_HTTP_REWRITE_PHASE].handlers));
    ngx_array_t &preaccess = cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers;
    if (first_asked == nullptr || ngx_array_push(&preaccess) == nullptr) {
        return NGX_ERROR;
    }
    *first_asked = on_rewrite;
    auto *last_asked = static_cast<ngx_http_handler_pt *>(preaccess.elts);
    std::rotate(last_asked, last_asked + preaccess.nelts - 1, last_asked + preaccess.nelts);
    *last_asked = on_preaccess;
    return NGX_OK;
}

}  // namespace nexus::edge
