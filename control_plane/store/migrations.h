// The schema's history: numbered steps, each applied once and never edited afterwards (a checksum watches).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "control_plane/store/session.h"
#include "shared/clock.h"

namespace nexus::control::store {

struct Migration {
    int64_t number;
    std::string_view name;
    std::string_view sql;  // statements that SQLite and PostgreSQL both take
};

std::span<const Migration> all_migrations() noexcept;
std::string checksum(const Migration &migration);

/// Applies the next missing one of `migrations` within one transaction. returns whether there was one.
/// errors kStoreUnavailable; kInternal (changed since it was applied, or the database is newer)
Result<bool> apply_next(Session &session, std::span<const Migration> migrations, UnixMs now);
/// errors as apply_next, and kInternal if one is missing
Result<void> check_applied(Session &session, std::span<const Migration> migrations);

}  // namespace nexus::control::store
