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

/// The same for who finalises the request next: the upstream's count becomes theirs. Without this, nginx's
/// end of a request would run the upstream's clean-up, which gives that count back and frees the request
/// while it is being ended.
inline void end_upstream_first(ngx_http_request_t *r) noexcept {
    if (is_upstream_live(r)) {
        ++r->main->count;
        end_upstream(r);
    }
}

}  // namespace nexus::edge
