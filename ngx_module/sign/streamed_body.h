// Bodies that are signed chunk by chunk (nexus_sigv4 payload=stream), as they arrive: what the request's head
// announces, and whether the body keeps to it. How they leave is chunk_filter.h's.
#pragma once

#include <optional>
#include <string_view>

#include "ngx_module/ngx/ngx.h"
#include "shared/sigv4/aws_chunked.h"

namespace nexus::edge {

struct ChunkFilter;  // chunk_filter.cpp

struct StreamedBody {
    sigv4::BodyPlan plan;                        // its size: if the caller framed it
    std::optional<sigv4::ChunkedReader> reader;  // unless plain
    std::string_view refusal;                    // why the request cannot be sent; static text; "" = it can
    int refusal_status = 0;                      // HTTP
    /// Not in chunks after all: small, or no upload (servers take chunks for nothing else). It is read as a
    /// whole before the upstream begins, unbuffered or not, and its hash is signed.
    bool is_read_first = false;
    ngx_http_handler_pt content_handler = nullptr;  // what goes on when it is read
    ChunkFilter *filter = nullptr;                  // chunk_filter.cpp: what it is sent through
};

/// Reads the announcement, in the access phase; from here on what arrives is checked against it, and answered
/// 400 where it is something else. returns NGX_OK, or NGX_ERROR (out of memory)
ngx_int_t plan_body(ngx_http_request_t *r);

/// Sees to it that a body that is read first is. When everything else about the request's content is
/// arranged.
void read_first(ngx_http_request_t *r) noexcept;

/// nullptr: this request's is none.
StreamedBody *streamed_body(const ngx_http_request_t *r) noexcept;

/// Registers the filter; in postconfiguration.
void init_body_check() noexcept;

}  // namespace nexus::edge
