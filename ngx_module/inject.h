// Injection: the connection's credential goes onto the proxied request (nexus_inject), if the destination may
// have it. Which caller may use which connection is decided before, in access.cpp.
#pragma once

#include "ngx_module/access.h"
#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// Arranges that the credential of access.token is put on while the request is serialised.
/// returns NGX_OK     arranged, or nothing is proxied here
///         NGX_ERROR
ngx_int_t prepare_injection(Access &access);

}  // namespace nexus::edge
