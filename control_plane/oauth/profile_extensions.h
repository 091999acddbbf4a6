// Members of `oauth` that ask for specifications beyond RFC 6749. For profile.cpp only.
#pragma once

#include "control_plane/json/json.h"
#include "control_plane/oauth/profile.h"

namespace nexus::control {

/// Reads resource, par and dpop; what does not go with the members read before is refused.
void read_extensions(json::ObjectReader &reader, OAuthProfile &out);

}  // namespace nexus::control
