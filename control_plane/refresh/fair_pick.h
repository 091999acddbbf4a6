// Who goes first when not all can: turns by workspace, and within each the one that has waited longest, so
// that a workspace with a hundred thousand connections does not keep the others waiting.
#pragma once

#include <vector>

#include "control_plane/store/refresh_repository.h"

namespace nexus::control {

/// rows     the oldest first
/// returns  `count` of them, in their order
std::vector<store::DueRow> pick_fairly(std::vector<store::DueRow> rows, size_t count);

}  // namespace nexus::control
