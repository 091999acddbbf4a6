// Interim answers (1xx, RFC 9110 section 15.2). nginx 1.22's proxy module takes the first head that comes for
// the answer: what scrubs, repeats or pauses would judge a 103, and the answer itself would go to the client
// unread, as its body. So heads are read here first, by nginx's own parser, and interim ones are dropped
// before the proxy module sees a byte of them.
#pragma once

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// Part of UpstreamWrap; interim.cpp's own.
struct InterimAnswers {
    // the proxy module's, and those of who wrapped it before
    ngx_int_t (*process_header)(ngx_http_request_t *r) = nullptr;
    ngx_int_t (*reinit_request)(ngx_http_request_t *r) = nullptr;

    bool may_switch = false;  // the request asks for another protocol: 101 is an answer to it

    // of the head that is being read
    ngx_http_status_t status{};
    size_t bytes_read = 0;  // from u->buffer.pos on
    bool is_interim = false;

    unsigned dropped = 0;  // heads, of this attempt
};

/// To be called once the request to a proxy_pass is serialised and r->upstream has not started. Interim
/// answers are then nobody's business; an answer without a status line, more interim ones than anybody sends,
/// and a 101 that the request did not ask for are invalid heads (502, or the next upstream).
void drop_interim_answers(ngx_http_request_t *r) noexcept;

}  // namespace nexus::edge
