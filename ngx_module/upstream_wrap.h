// Control over what nginx's proxy module is about to send: our content handler lets the location's own one set up
// r->upstream, then wraps `create_request`, so that headers go on after every rewrite and never enter headers_in,
// a variable or a log. What goes on is the business of whoever wraps (inject.cpp, gateway_api.cpp for `pass`,
// control_plane.cpp for its subrequests).
#pragma once

#include <string_view>

#include "ngx_module/ngx/ngx.h"
#include "shared/http1/header_block.h"

namespace nexus::edge {

/// Called right after the proxy module has serialised the request; edits by `rewrite_request_block`.
/// returns NGX_OK, or NGX_ERROR: nothing is sent and the request ends with 500
using PatchHandler = ngx_int_t (*)(ngx_http_request_t *r, void *data) noexcept;

/// Called once r->upstream is set up and before anything is serialised: the destination is known here.
/// returns NGX_OK, or an HTTP status (or NGX_DONE after an answer of its own) that ends the request
using CheckHandler = ngx_int_t (*)(ngx_http_request_t *r, void *data) noexcept;

/// Part of RequestCtx; upstream_wrap.cpp's own.
struct UpstreamWrap {
    PatchHandler patch = nullptr;
    CheckHandler check = nullptr;  // may be nullptr
    void *data = nullptr;
    ngx_http_handler_pt content_handler = nullptr;
    ngx_int_t (*create_request)(ngx_http_request_t *r) = nullptr;
};

/// Puts our content handler in the place of the location's. Callable in any phase between find-config and content
/// (subrequests skip the access phase: use precontent there). HTTP/1.x upstreams of proxy_pass only: with any other
/// upstream module the request ends with 500 and a [crit] line, since an unknown serialisation cannot be edited.
///
/// returns NGX_OK        wrapped
///         NGX_DECLINED  the location has no content handler (root, return): nothing to wrap
///         NGX_ERROR     out of memory
ngx_int_t wrap_upstream(ngx_http_request_t *r, PatchHandler patch, CheckHandler check, void *data) noexcept;

/// The serialised head (request line to blank line) of the request, for a PatchHandler. "" if it is malformed.
std::string_view request_head(const ngx_http_request_t *r) noexcept;

/// Writes the edited block to a new area, which is wiped when the request ends, and makes it the block to send: one
/// buffer as before, because the proxy module's chunked filter takes exactly the first buffer for the header.
/// returns NGX_OK, or NGX_ERROR (malformed block, value with a line break, out of memory)
ngx_int_t rewrite_request_block(ngx_http_request_t *r, const http1::BlockEdit &edit) noexcept;

}  // namespace nexus::edge
