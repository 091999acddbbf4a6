// When keys were last used, in SQL. Many keys at once, and only forward: several nexusd write about the same
// keys.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "control_plane/store/database.h"
#include "shared/clock.h"

namespace nexus::control::store {

enum class KeyTable : uint8_t { kAgentKeys, kControlKeys };

namespace last_used {

inline constexpr size_t kMaxBatch = 500;

/// One statement. uses  (key id, time), 1 to kMaxBatch, each id once
Result<void> write(Executor &sql, KeyTable table, const std::vector<std::pair<std::string, UnixMs>> &uses);

}  // namespace last_used
}  // namespace nexus::control::store
