// Takes request headers away from everything that comes later: upstreams, subrequests (which copy the list),
// variables and logs.
#pragma once

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

enum class Strip { kKeep, kRemove, kRemoveAndOverwrite };

/// Rebuilds headers_in.headers without the lines for which `decide` says so. Values of kRemoveAndOverwrite
/// lines are overwritten with '*', because a variable evaluated earlier (`$http_x_api_key` in a map) still
/// points to them. returns NGX_OK, or NGX_ERROR (out of memory; nothing is changed)
ngx_int_t strip_headers(ngx_http_request_t *r, Strip (*decide)(const ngx_table_elt_t &line, const void *data),
                        const void *data) noexcept;

}  // namespace nexus::edge
