// When an edge may have a token renewed ahead of its end: a rule, as a pure function.
#pragma once

#include "control_plane/store/connection_repository.h"
#include "shared/clock.h"

namespace nexus::control {

/// The longest time before its end in which an edge may ask for that.
inline constexpr int64_t kLongestEarlyS = 3600;

/// Is it active, has it less than `within_ms` left, and has it used up half of its life? Never in the first
/// half: each new token would be renewed at once.
bool is_due_early(const store::Connection &connection, UnixMs within_ms, UnixMs now) noexcept;

}  // namespace nexus::control
