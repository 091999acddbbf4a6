// Reading what browsers say, and keeping what follows from it.
#include "ngx_module/cors/request.h"

#include <new>

#include "ngx_module/ngx/header_lines.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/request_ctx.h"

namespace nexus::edge {

namespace {

/// nginx's hash of a header's name, which it has computed for each line it has read.
constexpr ngx_uint_t header_hash(std::string_view lower_case) {
    ngx_uint_t hash = 0;
    for (const char c : lower_case) {
        hash = hash * 31 + static_cast<unsigned char>(c);  // ngx_hash()
    }
    return hash;
}

bool has_origin(ngx_http_request_t *r) {
    constexpr std::string_view kOrigin = "origin";
    constexpr ngx_uint_t kHash = header_hash(kOrigin);
    bool found = false;
    for_each_line(r->headers_in.headers, [&](const ngx_table_elt_t &line) {
        found = found || (line.hash == kHash && is_request_line_of(line, kOrigin));
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
        const auto is = [&](std::string_view name) { return is_request_line_of(line, name); };
        if (is("origin")) {
            note(request.origin, line);
        } else if (is("access-control-request-method")) {
            note(request.requested_method, line);
        } else if (is("access-control-request-headers")) {
            note(request.requested_headers, line);
        } else if (is("access-control-request-private-network")) {
            note(request.requested_private_network, line);
        } else if (is("sec-fetch-site")) {
            request.fetch_site = to_view(line.value);
        }
    });
    if (r->headers_in.host != nullptr) {
        request.host = to_view(r->headers_in.host->value);
    }
    request.is_upgrade = r->headers_in.upgrade != nullptr;
    return request;
}

void on_request_end(void *) noexcept {}  // marks our cleanup

CorsRequest *find_kept(const ngx_http_request_t *r) {
    for (ngx_pool_cleanup_t *cln = r->pool->cleanup; cln != nullptr; cln = cln->next) {
        if (cln->handler == on_request_end) {
            return static_cast<CorsRequest *>(cln->data);
        }
    }
    return nullptr;
}

CorsRequest *make_kept(ngx_http_request_t *r) {
    ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(r->pool, sizeof(CorsRequest));
    if (cln == nullptr) {
        return nullptr;
    }
    cln->handler = on_request_end;
    return ::new (cln->data) CorsRequest{};
}

}  // namespace

CorsRequest *find_cors_request(const ngx_http_request_t *r) noexcept {
    const RequestCtx *ctx = request_ctx(r);
    if (ctx != nullptr && ctx->cors != nullptr) {
        return ctx->cors;
    }
    // nginx has cleared the context if the request was redirected since.
    return r->internal || r->filter_finalize ? find_kept(r) : nullptr;
}

CorsRequest *judge_cors_request(ngx_http_request_t *r, CorsRequest *known,
                                const CorsPolicy *policy) noexcept {
    RequestCtx *ctx = ensure_request_ctx(r);
    CorsRequest *kept = known != nullptr ? known : make_kept(r);
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

}  // namespace nexus::edge
