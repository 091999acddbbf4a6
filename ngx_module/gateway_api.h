// The gateway API at the edge (nexus_api): answers from the token record, and `pass`, which sends a caller's
// request on to nexusd with the edge's key. Who may ask is decided before, in access.cpp.
#pragma once

#include <string_view>

#include "ngx_module/access.h"
#include "ngx_module/ngx/ngx.h"
#include "ngx_module/request_modes.h"

namespace nexus::edge {

/// "" if the method is allowed for this use, otherwise the value of `Allow` for a 405.
std::string_view allowed_methods(ApiMode api, ngx_uint_t method) noexcept;

/// Content handler of `nexus_api token|refresh|check`.
ngx_int_t on_api_content(ngx_http_request_t *r) noexcept;

/// `nexus_api pass`: the edge's key and the agent's id go on while the request is serialised.
/// returns NGX_OK, or NGX_ERROR
ngx_int_t prepare_pass(Access &access);

}  // namespace nexus::edge
