// Injection: the connection's credential goes onto the proxied request (nexus_inject), if the destination may
// have it. Which caller may use which connection is decided before, in access.cpp.
#pragma once

#include <string_view>

#include "ngx_module/access.h"
#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// The caller's headers that must not reach a provider, whatever put them there.
inline constexpr std::string_view kOwnHeaders[] = {"X-Nexus-Key", "X-Nexus-Agent", "X-Nexus-Connection"};

/// Arranges that the credential of access.token is put on while the request is serialised.
/// returns NGX_OK     arranged, or nothing is proxied here
///         NGX_ERROR
ngx_int_t prepare_injection(Access &access);

}  // namespace nexus::edge
