// Where the credentials of a profile go. May nexusd ask its URLs? Said at registration, where somebody reads
// the answer; what DNS says is judged by http/ when a connection is opened.
#pragma once

#include "control_plane/http/egress_guard.h"
#include "control_plane/store/provider_repository.h"
#include "shared/result.h"

namespace nexus::control {

/// Looks at the URLs that nexusd itself asks, not at those that a browser (auth_url) or an edge
/// (api_base_url) does. errors kInvalidRequest, naming the member
Result<void> check_provider_egress(const store::Provider &provider, const EgressGuard &guard);

/// Would credentials that are here go to other places: client secrets and refresh tokens, which nexusd sends,
/// or access tokens, which edges do?
bool sends_elsewhere(const store::Provider &stored, const store::Provider &next);

}  // namespace nexus::control
