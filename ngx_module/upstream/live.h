// Is nginx still at work with a request's upstream, and ending that from outside.
#pragma once

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

inline bool is_upstream_live(const ngx_http_request_t *r) noexcept {
    return r->upstream != nullptr && r->upstream->cleanup != nullptr;
}

/// Closes the connection to a live upstream and gives its count of the request back: who holds no other count
/// loses the request. By the upstream's own clean-up, since ngx_http_finalize_request with an error would
/// give the count back twice.
inline void end_upstream(ngx_http_request_t *r) noexcept {
    const ngx_http_cleanup_pt clean_up = *r->upstream->cleanup;
    clean_up(r);
}

}  // namespace nexus::edge
