// The head of a request whose body is framed anew.
#include "ngx_module/sign/sign_in_chunks.h"

#include <optional>

#include "ngx_module/sign/chunk_filter.h"
#include "ngx_module/sign/signature.h"
#include "ngx_module/sign/streamed_body.h"
#include "ngx_module/upstream/wrap.h"
#include "shared/http1/header_block.h"
#include "shared/http1/syntax.h"

namespace nexus::edge {

namespace {

constexpr std::string_view kAwsChunked = "aws-chunked";

/// Is its hash signed? (What cannot be signed is refused on the other way.)
bool is_whole(const StreamedBody &body) {
    return body.is_read_first && body.refusal.empty();
}

/// How much payload a body has that came without framing; nullopt: nobody knows yet.
std::optional<uint64_t> plain_size(const ngx_http_request_t *r, const SentBody &body) {
    if (!r->request_body_no_buffering) {
        return body.size();
    }
    // Of a chunked body nginx counts here what has come so far.
    const bool is_known = !r->headers_in.chunked || !r->reading_body;
    const off_t size = r->headers_in.content_length_n;
    return is_known && size >= 0 ? std::optional(static_cast<uint64_t>(size)) : std::nullopt;
}

/// The head of a request whose body is framed by us. returns NGX_OK, or the result of refuse_upstream
ngx_int_t announce_chunks(ngx_http_request_t *r, const sigv4::BodyPlan &plan) {
    const Result<http1::Head> head = http1::parse_head(request_head(r));
    if (!head) {
        return refuse_upstream(r, Errc::kInvalidRequest);
    }
    std::string encodings;
    for (const http1::HeaderLine &line : head->lines) {
        if (http1::equal_ignoring_case(line.name, "Content-Encoding")) {
            encodings.append(encodings.empty() ? "" : ",").append(line.value);
        }
    }
    if (encodings.find(kAwsChunked) ==
        std::string::npos) {  // in which place it stands is each SDK's own choice
        encodings = std::string{kAwsChunked} + (encodings.empty() ? "" : ",") + encodings;
    }
    const std::string size = std::to_string(sigv4::framed_size(plan));
    const std::string payload_size = std::to_string(plan.size);
    const http1::HeaderLine lines[] = {{"Content-Length", size},
                                       {"Content-Encoding", encodings},
                                       {"X-Amz-Decoded-Content-Length", payload_size},
                                       {"X-Amz-Trailer", plan.trailer}};
    const size_t count = sigv4::has_trailer(plan.framing) ? 4 : 3;
    constexpr std::string_view kRemove[] = {"Transfer-Encoding"};
    return rewrite_request_block(
        r, {.set = {std::data(lines), count}, .remove = kRemove, .query = {}, .query_name = {}});
}

}  // namespace

bool is_streamed(const ngx_http_request_t *r, const SentBody &body) {
    const StreamedBody *streamed = streamed_body(r);
    return streamed != nullptr && !is_whole(*streamed) && body.text.empty() &&
           (body.buffers != nullptr || r->request_body_no_buffering);
}

ngx_int_t sign_in_chunks(ngx_http_request_t *r, const Access &access, const SentBody &body) {
    const StreamedBody &announced = *streamed_body(r);
    if (!announced.refusal.empty()) {
        return refuse_to_sign(r, access,
                              {Errc::kInvalidRequest, announced.refusal, announced.refusal_status});
    }
    sigv4::BodyPlan plan = announced.plan;
    if (plan.framing == sigv4::Framing::kPlain) {
        const std::optional<uint64_t> size = plain_size(r, body);
        if (!size) {
            return refuse_to_sign(
                r, access,
                {Errc::kInvalidRequest,
                 "a body of unknown length is streamed with proxy_request_buffering on only",
                 NGX_HTTP_LENGTH_REQUIRED});
        }
        plan.size = *size;
    }

    const ngx_int_t rc = announce_chunks(r, plan);
    if (rc != NGX_OK) {
        return rc;
    }
    SigningScratch scratch;
    Result<strategy::Signature> signature = make_signature(
        r, access,
        {request_head(r), body,
         sigv4::has_trailer(plan.framing) ? sigv4::kStreamingPayloadTrailer : sigv4::kStreamingPayload,
         &scratch});
    if (!signature) {
        return refuse_to_sign(r, access, signature.error().message.c_str());
    }
    const ngx_int_t put = put_on_signature(r, *signature);
    if (put != NGX_OK) {
        return put;
    }
    return send_in_chunks(r, plan, std::move(*signature->seed)) == NGX_OK
               ? NGX_OK
               : refuse_upstream(r, Errc::kInternal);
}

}  // namespace nexus::edge
