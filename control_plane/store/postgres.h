// The PostgreSQL driver: sessions over libpq.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include "control_plane/store/session.h"
#include "shared/secret.h"

namespace nexus::control::store {

/// may_prepare  shared by the sessions of a database: the first that finds prepared statements unreliable,
/// because a
///              pooler stands between, clears it for all; what failed may be retried
/// errors kStoreUnavailable
Result<std::unique_ptr<Session>> open_postgres(
    const Secret &url, std::chrono::milliseconds connect_timeout, std::chrono::milliseconds statement_timeout,
    std::shared_ptr<std::atomic<bool>> may_prepare = std::make_shared<std::atomic<bool>>(true));

}  // namespace nexus::control::store
