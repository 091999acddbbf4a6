// The PostgreSQL driver: sessions over libpq.
#pragma once

#include <chrono>

#include "control_plane/store/session.h"
#include "shared/secret.h"

namespace nexus::control::store {

/// errors kStoreUnavailable
Result<std::unique_ptr<Session>> open_postgres(const Secret &url, std::chrono::milliseconds connect_timeout,
                                               std::chrono::milliseconds statement_timeout);

}  // namespace nexus::control::store
