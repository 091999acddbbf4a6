// The gateway API at the edge (nexus_api): answers from the token record, and `pass`, which sends a caller's
// request on to nexusd with the edge's key. Who may ask is decided before, in access/access.cpp.
#pragma once

#include <string_view>

#include "ngx_module/access/access.h"
#include "ngx_module/ngx/ngx.h"
#include "ngx_module/request_modes.h"

namespace nexus::edge {

/// The methods of a use that the edge answers by itself, as `Allow` lists them; "" for other uses, where they
/// are somebody else's business.
std::string_view methods_of(ApiMode api) noexcept;

/// May the method be used? OPTIONS is answered before anybody asks (answer_options).
bool is_method_allowed(ApiMode api, ngx_uint_t method) noexcept;

/// OPTIONS: 204 with Allow, the same for every caller and every id, so that nobody needs a key for it.
/// returns what ngx_http_finalize_request takes
ngx_int_t answer_options(ngx_http_request_t *r, ApiMode api) noexcept;

/// Content handler of `nexus_api token|refresh|check`.
ngx_int_t on_api_content(ngx_http_request_t *r) noexcept;

/// `nexus_api pass`: the edge's key and the agent's id go on while the request is serialised.
/// returns NGX_OK, or NGX_ERROR
ngx_int_t prepare_pass(Access &access);

}  // namespace nexus::edge
