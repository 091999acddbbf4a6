// A request of the worker's own: no client sent it, and no client waits for it. It exists to be the parent of
// one subrequest, for which nginx's phases and upstreams then work as for any other; it goes when that has
// ended.
#pragma once

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// Makes one for a server. returns nullptr: out of memory
ngx_http_request_t *make_own_request(ngx_http_core_srv_conf_t *server, ngx_log_t *log) noexcept;

/// Runs the subrequest that was posted. `r` may be gone afterwards.
void run_own_request(ngx_http_request_t *r) noexcept;

/// Frees one whose subrequest could not be made, or is given up: what it has under way ends. Not from within
/// the subrequest, nor while a thread works for it (`r->blocked`).
void drop_own_request(ngx_http_request_t *r) noexcept;

}  // namespace nexus::edge
