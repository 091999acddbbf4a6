// The last check before bytes leave: is the place that nginx connected to one that a credential may go to?
// It is the only point that sees the real peer of every kind of upstream, names resolved at run time
// included, so that a name cannot point elsewhere between check and use (DNS rebinding), and the name that
// the peer's certificate was checked against.
#pragma once

#include "ngx_module/access/access.h"
#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// Puts the check before the upstream's output filter; call it after create_request. A refused peer counts as
/// failed: nginx tries the next one or answers 502.
///
/// access      lives as long as the request
/// named_only  refuse every address that nexus_allow_private does not name (clear text to a destination from
/// a
///             variable)
/// returns NGX_OK, or NGX_ERROR (out of memory)
ngx_int_t guard_peer(ngx_http_request_t *r, const Access &access, bool named_only) noexcept;

}  // namespace nexus::edge
