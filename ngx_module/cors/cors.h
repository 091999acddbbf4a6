// nexus_cors: preflights are answered before anybody is authenticated, and every answer of the edge says
// which origins may read it. What the answers are is decided in shared/cors/.
//
// The policy of a request is that of the location that serves it, once it is rewritten. Where that location
// hands it on internally (error_page, try_files, X-Accel-Redirect) its policy stays: an error page is read by
// the same page as the answer it stands for.
#pragma once

#include <string_view>

#include "ngx_module/cors/conf.h"
#include "ngx_module/ngx/ngx.h"
#include "shared/cors/policy.h"

extern "C" {
/// Has the header filter only: it must stand in nginx's list before the module whose `add_header` it
/// overrides.
extern ngx_module_t ngx_http_nexus_cors_filter_module;
}

namespace nexus::edge {

struct CorsPolicy {
    cors::Policy policy;
    CorsMode mode;
};

struct CorsRequest;  // request.h

/// Registers the phase handlers, if nexus_cors is used at all; in postconfiguration, before those of whatever
/// is to be asked before a preflight is answered. returns NGX_OK or NGX_ERROR
ngx_int_t init_cors(ngx_conf_t *cf) noexcept;

/// Puts the policy's header lines on the answer, in the place of those that are there; to be called once for
/// each answer, when its headers are known. returns NGX_OK or NGX_ERROR
ngx_int_t put_on_cors_headers(ngx_http_request_t *r) noexcept;

/// $nexus_cors: none, simple, preflight or denied.
std::string_view cors_verdict(ngx_http_request_t *r) noexcept;

}  // namespace nexus::edge
