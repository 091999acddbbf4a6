// The secrets of a request, and the answer's head.
#include "ngx_module/scrub/scrub.h"

#include "ngx_module/answer/errors.h"
#include "ngx_module/metrics/metrics.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/header_lines.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/ngx/strip.h"
#include "ngx_module/request_ctx.h"
#include "ngx_module/scrub/state.h"
#include "shared/http1/syntax.h"
#include "shared/strategy/public_fields.h"

namespace nexus::edge {

namespace {

using http1::equal_ignoring_case;

ngx_http_output_header_filter_pt g_next_header_filter;

/// Marks our cleanup, by which a request's state is found again.
void destroy(void *data) noexcept {
    static_cast<Scrubbing *>(data)->~Scrubbing();
}

Scrubbing *find_kept(const ngx_http_request_t *r) noexcept {
    for (ngx_pool_cleanup_t *cln = r->pool->cleanup; cln != nullptr; cln = cln->next) {
        if (cln->handler == destroy) {
            return static_cast<Scrubbing *>(cln->data);
        }
    }
    return nullptr;
}

Strip what_hides_secrets(const ngx_table_elt_t &line, const void *) {
    for (const std::string_view name : {"Accept-Encoding", "Grpc-Accept-Encoding", "Range", "If-Range"}) {
        if (equal_ignoring_case(to_view(line.key), name)) {
            return Strip::kRemove;
        }
    }
    return Strip::kKeep;
}

std::span<char> bytes_of(const ngx_str_t &text) {
    return {reinterpret_cast<char *>(text.data), text.len};
}

/// What nginx keeps of the answer's head: variables ($upstream_http_...) and logs show what is in there, too.
/// Written to where it lies, since parts of it are in other places as well; only what the gRPC module gives
/// may lie in its table of HPACK, which nobody may write to.
bool cover_upstream_head(ngx_http_request_t *r, const scrub::Mask &mask) {
    const bool is_shared = is_grpc(*r->upstream);
    const auto cover = [&](ngx_str_t &text) {
        return is_shared ? cover_copy(r, mask, text) : mask.cover(bytes_of(text));
    };
    bool any = false;
    for_each_line(r->upstream->headers_in.headers, [&](ngx_table_elt_t &line) {
        any = cover(line.key) || any;
        any = cover(line.value) || any;
    });
    return cover(r->upstream->headers_in.status_line) || any;
}

bool cover_head(ngx_http_request_t *r, const scrub::Mask &mask) {
    bool any = r->upstream != nullptr && cover_upstream_head(r, mask);
    for_each_line(r->headers_out.headers, [&](ngx_table_elt_t &line) {
        any = cover_copy(r, mask, line.key) || any;
        any = cover_copy(r, mask, line.value) || any;
    });
    for (ngx_str_t *text :
         {&r->headers_out.status_line, &r->headers_out.content_type, &r->headers_out.charset}) {
        any = cover_copy(r, mask, *text) || any;
    }
    return any;
}

/// Whose head goes out?
struct Head {
    bool is_answer;      // the provider's, to a request that this location has sent
    bool is_redirected;  // of a location that sends nothing of ours, after one that did
};

bool is_cookie(const ngx_table_elt_t &line) {
    return equal_ignoring_case(to_view(line.key), "Set-Cookie") ||
           equal_ignoring_case(to_view(line.key), "Set-Cookie2");
}

/// nginx copies an upstream's line, but not its name.
bool is_of_upstream(const ngx_http_request_t *r, const ngx_table_elt_t &line) {
    bool any = false;
    if (r->upstream != nullptr) {
        for_each_line(r->upstream->headers_in.headers,
                      [&](const ngx_table_elt_t &its) { any = any || its.key.data == line.key.data; });
    }
    return any;
}

/// Also those of an answer before this one, whose lines nginx takes along (X-Accel-Redirect).
void drop_cookies(ngx_http_request_t *r, const Scrubbing &scrubbing, const Head &head) {
    const bool drops_all = head.is_answer && scrubbing.conf->drops_cookies;
    const bool drops_earlier =
        scrubbing.drops_earlier_cookies || (head.is_redirected && scrubbing.conf->drops_cookies);
    if (!drops_all && !drops_earlier) {
        return;
    }
    const bool is_upstream_new = head.is_answer || r->upstream != scrubbing.upstream;
    for_each_line(r->headers_out.headers, [&](ngx_table_elt_t &line) {
        if (is_cookie(line) && (drops_all || !is_upstream_new || !is_of_upstream(r, line))) {
            line.hash = 0;
        }
    });
}

/// What a provider may have made of a body, so that nothing is found in it. All lines count: nginx itself
/// knows of the last one, or of none.
bool is_encoded(const ngx_http_request_t *r) {
    bool any = false;
    for_each_line(r->upstream->headers_in.headers, [&](const ngx_table_elt_t &line) {
        const std::string_view name = to_view(line.key), value = to_view(line.value);
        const bool is_transfer = equal_ignoring_case(name, "Transfer-Encoding");
        const bool is_coding = is_transfer || equal_ignoring_case(name, "Content-Encoding") ||
                               equal_ignoring_case(name, "Grpc-Encoding");
        const bool is_plain = value.empty() || equal_ignoring_case(value, "identity") ||
                              (is_transfer && equal_ignoring_case(value, "chunked"));
        any = any || (is_coding && !is_plain);
    });
    return any;
}

bool has_body(const ngx_http_request_t *r) {
    return !r->header_only && r->method != NGX_HTTP_HEAD && r->headers_out.status != NGX_HTTP_NO_CONTENT &&
           r->headers_out.status != NGX_HTTP_NOT_MODIFIED && r->headers_out.content_length_n != 0;
}

ngx_int_t begin_body(ngx_http_request_t *r, Scrubbing &scrubbing) {
    if (is_encoded(r)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "nexus: the provider's answer is compressed though nobody asked for that: it cannot be "
                      "looked into and is not passed on");
        if (RequestCtx *ctx = request_ctx(r); ctx != nullptr) {
            ctx->error = errc_info(Errc::kProviderError).code;
        }
        ngx_http_clean_header(r);
        scrubbing.is_refused = true;
        return NGX_HTTP_BAD_GATEWAY;
    }
    r->filter_need_in_memory = 1;
    r->upstream->buffering = 0;  // a slow caller would have it written to a temporary file first
    ngx_http_clear_accept_ranges(r);
    scrubbing.body.emplace(scrubbing.mask, scrubbing.conf->body_bytes);
    return NGX_OK;
}

Head head_of(const ngx_http_request_t *r, const Scrubbing &scrubbing) {
    const RequestCtx *ctx = request_ctx(r);
    const bool is_redirected = ctx == nullptr || ctx->scrubbing != &scrubbing;
    return {.is_answer = !is_redirected && !scrubbing.is_refused && r->upstream != nullptr &&
                         r->upstream->headers_in.status_n != 0,
            .is_redirected = is_redirected};
}

ngx_int_t scrub_head(ngx_http_request_t *r, Scrubbing &scrubbing) {
    const Head head = head_of(r, scrubbing);
    drop_cookies(r, scrubbing, head);
    if (scrubbing.mask.empty()) {
        return NGX_OK;
    }
    if (cover_head(r, scrubbing.mask)) {
        scrubbing.tell(r, "head");
    }
    const bool has_work =
        head.is_answer && scrubbing.conf->body_bytes != 0 && !r->upstream->upgrade && has_body(r);
    return has_work ? begin_body(r, scrubbing) : NGX_OK;
}

ngx_int_t on_header(ngx_http_request_t *r) noexcept {
    Scrubbing *scrubbing = find_scrubbing(r);
    if (scrubbing == nullptr) {
        return g_next_header_filter(r);
    }
    const ngx_int_t rc = guarded_or<ngx_int_t>(NGX_ERROR, r->connection->log, "scrubbing an answer's head",
                                               [&] { return scrub_head(r, *scrubbing); });
    return rc == NGX_OK ? g_next_header_filter(r) : rc;
}

}  // namespace

bool cover_copy(ngx_http_request_t *r, const scrub::Mask &mask, ngx_str_t &text) {
    if (!mask.occurs_in(to_view(text))) {
        return false;
    }
    const ngx_str_t copy = copy_to_pool(r->pool, to_view(text));
    text = copy.data != nullptr ? copy : ngx_str_t ngx_null_string;
    mask.cover(bytes_of(text));
    return true;
}

void Scrubbing::tell(const ngx_http_request_t *r, const char *where) {
    if (!is_told) {
        is_told = true;
        metrics::count(metrics::Counter::kScrubbed);
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "nexus: the %s of the provider's answer held the credential, which is covered", where);
    }
}

Scrubbing *find_scrubbing(const ngx_http_request_t *r) noexcept {
    if (r != r->main) {
        return nullptr;
    }
    if (const RequestCtx *ctx = request_ctx(r); ctx != nullptr && ctx->scrubbing != nullptr) {
        return ctx->scrubbing;
    }
    return r->internal || r->filter_finalize ? find_kept(r) : nullptr;
}

ngx_int_t prepare_scrubbing(const Access &access) {
    ngx_http_request_t *r = access.request;
    const ScrubConf *conf = access.conf->scrub;
    if (conf == nullptr || r != r->main) {
        return NGX_OK;
    }
    RequestCtx *ctx = ensure_request_ctx(r);
    Scrubbing *scrubbing = find_kept(r);  // a location before this one may have sent something, too
    if (scrubbing == nullptr) {
        ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(r->pool, sizeof(Scrubbing));
        if (cln == nullptr) {
            return NGX_ERROR;
        }
        scrubbing = ::new (cln->data) Scrubbing;
        cln->handler = destroy;
    }
    if (scrubbing->conf != nullptr) {
        scrubbing->drops_earlier_cookies = scrubbing->drops_earlier_cookies || scrubbing->conf->drops_cookies;
    }
    if (ctx == nullptr) {
        return NGX_ERROR;
    }
    scrubbing->conf = conf;
    scrubbing->is_refused = false;
    ctx->scrubbing = scrubbing;
    return conf->body_bytes != 0 ? strip_headers(r, what_hides_secrets, nullptr) : NGX_OK;
}

void look_for(ngx_http_request_t *r, std::string_view secret) {
    if (Scrubbing *scrubbing = find_scrubbing(r); scrubbing != nullptr) {
        scrubbing->mask.add(secret);
    }
}

void look_for_secrets_of(ngx_http_request_t *r, const record::TokenView &record) {
    Scrubbing *scrubbing = find_scrubbing(r);
    if (scrubbing == nullptr) {
        return;
    }
    scrubbing->upstream = r->upstream;
    for (size_t i = 0; i < record.credential_count(); ++i) {
        const auto [name, value] = record.credential_at(i);
        if (!strategy::is_public_field(record, name)) {
            scrubbing->mask.add(value);
        }
    }
}

void init_scrubbing() noexcept {
    g_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = on_header;
    g_after_scrub_body = ngx_http_top_body_filter;
    ngx_http_top_body_filter = scrub_body;
}

}  // namespace nexus::edge
