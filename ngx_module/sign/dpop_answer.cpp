// A header filter that reads DPoP-Nonce.
#include "ngx_module/sign/dpop_answer.h"

#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/request_ctx.h"
#include "ngx_module/worker.h"
#include "shared/http1/syntax.h"
#include "shared/jose/dpop_key.h"

namespace nexus::edge {

namespace {

ngx_http_output_header_filter_pt g_next_header_filter;

/// Is the answer that is on its way one to a proof of ours?
bool is_answer_to_proof(const ngx_http_request_t *r) noexcept {
    const RequestCtx *ctx = request_ctx(r);
    return ctx != nullptr && !ctx->dpop_origin.empty() && r == r->main && r->upstream != nullptr;
}

template <typename Match>
std::string_view find_answer_line(const ngx_http_request_t *r, std::string_view name, Match match) noexcept {
    const ngx_list_part_t *part = &r->upstream->headers_in.headers.part;
    for (; part != nullptr; part = part->next) {
        const auto *lines = static_cast<const ngx_table_elt_t *>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            if (http1::equal_ignoring_case(to_view(lines[i].key), name) && match(to_view(lines[i].value))) {
                return to_view(lines[i].value);
            }
        }
    }
    return {};
}

std::string_view nonce_of(const ngx_http_request_t *r) noexcept {
    return find_answer_line(r, "DPoP-Nonce", jose::is_dpop_nonce);
}

ngx_int_t on_header(ngx_http_request_t *r) noexcept {
    if (is_answer_to_proof(r)) {
        const bool is_read = guarded_or<bool>(false, r->connection->log, "a provider's DPoP nonce", [&] {
            worker()->dpop_nonces().remember(request_ctx(r)->dpop_origin, nonce_of(r));
            return true;
        });
        if (!is_read) {
            return NGX_ERROR;
        }
    }
    return g_next_header_filter(r);
}

}  // namespace

ngx_int_t expect_dpop_nonce(ngx_http_request_t *r, std::string_view origin) {
    if (origin.empty()) {
        return NGX_OK;
    }
    RequestCtx *ctx = ensure_request_ctx(r);
    auto *text = static_cast<char *>(ngx_pnalloc(r->pool, origin.size()));
    if (ctx == nullptr || text == nullptr) {
        return NGX_ERROR;
    }
    origin.copy(text, origin.size());
    ctx->dpop_origin = {text, origin.size()};
    return NGX_OK;
}

bool asks_for_dpop_nonce(const ngx_http_request_t *r) noexcept {
    return is_answer_to_proof(r) && r->headers_out.status == NGX_HTTP_UNAUTHORIZED && !nonce_of(r).empty() &&
           !find_answer_line(r, "WWW-Authenticate", [](std::string_view value) {
                return value.find("use_dpop_nonce") != std::string_view::npos;
            }).empty();
}

void init_dpop_answer() noexcept {
    g_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = on_header;
}

}  // namespace nexus::edge
