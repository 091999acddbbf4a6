// nexus_trace: which trace a request belongs to (W3C Trace Context). A valid `traceparent` goes on as it
// came, to the upstream as to the control plane; we make no spans of our own. What the value means is
// trace_parent.h's business.
#pragma once

#include <string_view>

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

enum class TraceMode : ngx_uint_t {
    kOff,   // trace headers are headers like any other
    kPass,  // an invalid `traceparent` goes, and its `tracestate` with it
    kOn,    // and where none is left, a new trace is begun
};

extern ngx_conf_enum_t trace_modes[];

/// Puts headers_in in the order that `mode` asks for, before anybody reads them. returns NGX_OK, or NGX_ERROR
/// (out of memory)
ngx_int_t settle_trace(ngx_http_request_t *r, TraceMode mode) noexcept;

/// The request's `traceparent` if it has one and that is valid, otherwise "".
std::string_view trace_parent(const ngx_http_request_t *r) noexcept;

/// Copies the lines of a valid trace to another request, which may outlive this one. returns NGX_OK, or
/// NGX_ERROR (out of memory)
ngx_int_t copy_trace(const ngx_http_request_t *r, ngx_http_request_t *to) noexcept;

}  // namespace nexus::edge
