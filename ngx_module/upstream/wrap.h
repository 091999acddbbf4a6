// Control over what nginx's proxy or gRPC module is about to send: our content handler lets the location's
// own one set up r->upstream, then calls its `create_request` and edits the result, so that headers go on
// after every rewrite and never enter headers_in, a variable or a log. What goes on is the business of
// whoever wraps (inject/inject.cpp, answer/gateway_api.cpp for `pass`, control_plane/control_plane.cpp for
// its subrequests).
#pragma once

#include <string_view>

#include "ngx_module/ngx/ngx.h"
#include "ngx_module/upstream/interim.h"
#include "shared/errc.h"
#include "shared/http1/header_block.h"

namespace nexus::edge {

/// Called once the location's content handler has set up r->upstream and the body is there (or read
/// unbuffered). returns NGX_OK, or the result of refuse_upstream; `check` also NGX_AGAIN, and calls
/// resume_upstream later, or NGX_DONE: it has answered
using UpstreamHandler = ngx_int_t (*)(ngx_http_request_t *r, void *data) noexcept;

/// Part of RequestCtx; wrap.cpp's own.
struct UpstreamWrap {
    UpstreamHandler check = nullptr;  // before the request is serialised: the destination is known
    UpstreamHandler patch = nullptr;  // after it
    UpstreamHandler patch_grpc = nullptr;
    void *data = nullptr;
    Errc refusal = Errc::kInternal;
    std::string_view refusal_message;  // static text; "" = the usual one
    int refusal_status = 0;            // 0 = the usual one
    ngx_http_handler_pt content_handler = nullptr;
    ngx_chain_t *request_bufs = nullptr;
    InterimAnswers interim;
};

/// Puts our content handler in the place of the location's. Callable in any phase between find-config and
/// content (subrequests skip the access phase: use precontent there).
///
/// check   may be nullptr; sees r->upstream before the request is serialised
/// patch   sees the serialised request (`request_head`) and edits it by `rewrite_request_block`
/// returns NGX_OK        wrapped
///         NGX_DECLINED  the location has no content handler (root, return): nothing to wrap
///         NGX_ERROR     out of memory
///
/// HTTP/1.x upstreams of proxy_pass, and with `patch_grpc`, which then stands for `patch`, grpc_pass: with
/// any other upstream module (its serialisation cannot be edited), and with proxy_cache or proxy_store (one
/// caller's answer would be another's), the request ends with 500 and a [crit] line.
ngx_int_t wrap_upstream(ngx_http_request_t *r, UpstreamHandler check, UpstreamHandler patch, void *data,
                        UpstreamHandler patch_grpc = nullptr) noexcept;

/// Is it nginx's gRPC module that talks to the upstream?
bool is_grpc(const ngx_http_upstream_t &u) noexcept;

/// After a `check` that had to wait: it is called again.
void resume_upstream(ngx_http_request_t *r) noexcept;

/// For handlers: the request is not sent and ends with the refusal of `errc` (a subrequest: with its status
/// only). message: static text. returns NGX_ERROR
ngx_int_t refuse_upstream(ngx_http_request_t *r, Errc errc, std::string_view message = {},
                          int status = 0) noexcept;

/// The serialised head (request line to blank line) of the request, for `patch`. "" if it is malformed.
std::string_view request_head(const ngx_http_request_t *r) noexcept;

/// Writes the edited block to a new area, which is wiped when the request ends, and makes it the block to
/// send: one buffer as before, because the proxy module's chunked filter takes exactly the first buffer for
/// the header. returns NGX_OK, or the result of refuse_upstream (malformed block, value with a line break,
/// out of memory)
ngx_int_t rewrite_request_block(ngx_http_request_t *r, const http1::BlockEdit &edit) noexcept;

}  // namespace nexus::edge
