// What the configuration of nginx's own upstream modules says about a location, for `nginx -t`: ours is
// merged after theirs.
#pragma once

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// Does the location have a grpc_pass to a name or an address? One to a variable does not show here.
bool has_grpc_pass(ngx_conf_t *cf) noexcept;

/// Does the location have a proxy_pass to a name or an address, without variables?
bool has_named_proxy_pass(ngx_conf_t *cf) noexcept;

/// Would proxy_cache or proxy_store keep answers?
bool keeps_answers(const ngx_http_upstream_conf_t &conf) noexcept;
/// The same of this location, where they may be inherited.
bool keeps_answers(ngx_conf_t *cf) noexcept;

/// Does proxy_intercept_errors, with an error_page of this status, take such answers before any filter sees
/// them?
bool intercepts(ngx_conf_t *cf, ngx_int_t status) noexcept;

}  // namespace nexus::edge
