// May nexusd ask the URLs of a profile? Said at registration, where somebody reads the answer; what DNS says
// is judged by http/ when a connection is opened.
#pragma once

#include "control_plane/http/egress_guard.h"
#include "control_plane/store/provider_repository.h"
#include "shared/result.h"

namespace nexus::control {

/// Looks at the URLs that nexusd itself asks, not at those that a browser (auth_url) or an edge
/// (api_base_url) does. errors kInvalidRequest, naming the member
Result<void> check_provider_egress(const store::Provider &provider, const EgressGuard &guard);

}  // namespace nexus::control
