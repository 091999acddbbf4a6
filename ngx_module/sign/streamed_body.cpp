// Header lines of the announcement, and a filter of request bodies. The body is read once more when it
// leaves, but there nginx has no answer for a malformed one: it would take it for a failure of the upstream.
#include "ngx_module/sign/streamed_body.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/header_lines.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/request_ctx.h"
#include "ngx_module/sign/body_hash.h"
#include "shared/encoding/hex.h"
#include "shared/http1/syntax.h"
#include "shared/sigv4/reframer.h"

namespace nexus::edge {

namespace {

using sigv4::Framing;

constexpr size_t kMaxSizeDigits = 15;
constexpr off_t kSmall = static_cast<off_t>(sigv4::kChunkSize);

ngx_http_request_body_filter_pt g_next_filter;

struct Announcement {
    std::string_view content_sha256;
    std::string_view decoded_size;
    std::string_view trailer;
    bool is_encoded = false;   // Content-Encoding names aws-chunked
    bool is_repeated = false;  // a line that there may be one of
};

Announcement read_announcement(ngx_http_request_t *r) {
    Announcement said;
    const std::pair<std::string_view, std::string_view *> singles[] = {
        {"x-amz-content-sha256", &said.content_sha256},
        {"x-amz-decoded-content-length", &said.decoded_size},
        {"x-amz-trailer", &said.trailer},
    };
    for_each_line(r->headers_in.headers, [&](const ngx_table_elt_t &line) {
        const std::string_view name = to_view(line.key);
        const std::string_view value = to_view(line.value);
        for (const auto &[known, place] : singles) {
            if (http1::equal_ignoring_case(name, known)) {
                said.is_repeated = said.is_repeated || !place->empty();
                *place = value;
            }
        }
        if (http1::equal_ignoring_case(name, "content-encoding")) {
            said.is_encoded = said.is_encoded || value.find("aws-chunked") != std::string_view::npos;
        }
    });
    return said;
}

std::optional<uint64_t> parse_size(std::string_view digits) {
    uint64_t size = 0;
    const char *const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, size);
    return digits.size() <= kMaxSizeDigits && error == std::errc{} && stop == end ? std::optional(size)
                                                                                  : std::nullopt;
}

/// PutObject or UploadPart, by its query: every other operation of S3 names itself there, or has a small
/// body.
bool is_upload(const ngx_http_request_t *r) {
    constexpr std::string_view kOfUploads[] = {"partNumber", "uploadId", "x-id"};
    std::string_view query = to_view(r->args);
    while (!query.empty()) {
        const std::string_view parameter = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), parameter.size() + 1));
        const std::string_view name = parameter.substr(0, parameter.find('='));
        if (!name.empty() && std::ranges::find(kOfUploads, name) == std::end(kOfUploads)) {
            return false;
        }
    }
    return r->method == NGX_HTTP_PUT;
}

bool is_small(const ngx_http_request_t *r) {
    return !r->headers_in.chunked && r->headers_in.content_length_n <= kSmall;
}

void refuse(StreamedBody &body, std::string_view why, int status = NGX_HTTP_BAD_REQUEST) {
    body.refusal = why;
    body.refusal_status = status;
}

void plan(StreamedBody &body, const Announcement &said) {
    const std::optional<Framing> framing = sigv4::framing_of(said.content_sha256);
    if (!framing || said.is_repeated) {
        return refuse(body, "X-Amz-Content-Sha256 names a way to stream that is not known here");
    }
    body.plan.framing = *framing;
    if (*framing == Framing::kPlain) {
        if (said.is_encoded) {
            refuse(body, "Content-Encoding is aws-chunked, and X-Amz-Content-Sha256 does not say how");
        }
        return;
    }
    if (sigv4::has_trailer(*framing)) {
        body.plan.trailer = encoding::to_lower_ascii(said.trailer);
        if (!sigv4::trailer_value_size(said.trailer)) {
            return refuse(body, "X-Amz-Trailer names no checksum that is known here");
        }
    }
    const std::optional<uint64_t> size = parse_size(said.decoded_size);
    if (!size) {
        return refuse(body, "X-Amz-Decoded-Content-Length is missing", NGX_HTTP_LENGTH_REQUIRED);
    }
    body.plan.size = *size;
    body.reader.emplace(body.plan);
}

/// returns false: it is not the body that was announced
bool check(sigv4::ChunkedReader &reader, const ngx_chain_t *in) {
    for (; in != nullptr; in = in->next) {
        const ngx_buf_t *b = in->buf;
        std::string_view bytes;
        if (ngx_buf_in_memory(b)) {
            bytes = {reinterpret_cast<const char *>(b->pos), static_cast<size_t>(b->last - b->pos)};
        }
        while (!bytes.empty()) {
            if (!reader.next(bytes, bytes.size())) {
                return false;
            }
        }
        if (b->last_buf != 0 && !reader.is_over()) {
            return false;
        }
    }
    return true;
}

ngx_int_t on_body(ngx_http_request_t *r, ngx_chain_t *in) noexcept {
    const RequestCtx *ctx = request_ctx(r);
    StreamedBody *body = ctx != nullptr ? ctx->streamed_body : nullptr;
    if (body != nullptr && body->reader && r == r->main) {
        const bool is_good = guarded_or<bool>(false, r->connection->log, "checking a request body",
                                              [&] { return check(*body->reader, in); });
        if (!is_good) {
            ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                          "nexus: the client sent a body that is not aws-chunked as it announced");
            return NGX_HTTP_BAD_REQUEST;
        }
    }
    return g_next_filter(r, in);
}

void on_read(ngx_http_request_t *r) noexcept {
    ngx_http_finalize_request(r, streamed_body(r)->content_handler(r));
}

// The content handler will find the body there, and with it no reason to read it unbuffered.
ngx_int_t on_content(ngx_http_request_t *r) noexcept {
    const StreamedBody *body = streamed_body(r);
    if (body == nullptr || body->content_handler == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    if (r->request_body != nullptr) {
        return body->content_handler(r);
    }
    const ngx_int_t rc = ngx_http_read_client_request_body(r, on_read);
    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}

}  // namespace

ngx_int_t plan_body(ngx_http_request_t *r) {
    RequestCtx *ctx = ensure_request_ctx(r);
    if (ctx == nullptr) {
        return NGX_ERROR;
    }
    const auto body = PoolPtr<StreamedBody>::make(r->pool);
    ctx->streamed_body = body.get();
    if (!body) {
        return NGX_ERROR;
    }
    plan(*body, read_announcement(r));
    body->is_read_first = body->plan.framing == Framing::kPlain && (is_small(r) || !is_upload(r));
    return body->is_read_first ? hash_body(r) : NGX_OK;
}

void read_first(ngx_http_request_t *r) noexcept {
    StreamedBody *body = streamed_body(r);
    if (body != nullptr && body->is_read_first && r->content_handler != on_content) {
        body->content_handler = r->content_handler;
        r->content_handler = on_content;
    }
}

StreamedBody *streamed_body(const ngx_http_request_t *r) noexcept {
    const RequestCtx *ctx = request_ctx(r);
    return ctx != nullptr ? ctx->streamed_body : nullptr;
}

void init_body_check() noexcept {
    g_next_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = on_body;
}

}  // namespace nexus::edge
