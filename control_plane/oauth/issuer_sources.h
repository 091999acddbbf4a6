// The issuers of living providers, for warming up what Discovery keeps.
#pragma once

#include <vector>

#include "control_plane/oidc/settings.h"
#include "control_plane/store/database.h"

namespace nexus::control {

/// Those that are known without a connection's variables. errors kStoreUnavailable
Result<std::vector<IssuerSource>> issuer_sources(store::Database &database);

}  // namespace nexus::control
