// nexus_sigv4 payload=stream: the head announces chunks, and each is signed when it leaves (chunk_filter.h).
#pragma once

#include "ngx_module/access/access.h"
#include "ngx_module/sign/sent_body.h"

namespace nexus::edge {

/// Does the caller's body follow the head, and is it ours to frame?
bool is_streamed(const ngx_http_request_t *r, const SentBody &body);

/// Signs the head of such a request. returns NGX_OK, or the result of refuse_upstream
ngx_int_t sign_in_chunks(ngx_http_request_t *r, const Access &access, const SentBody &body);

}  // namespace nexus::edge
