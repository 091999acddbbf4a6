// Who goes first when not all can: turns by workspace, and within each the one that has waited longest, so
// that a workspace with a hundred thousand connections does not keep the others waiting.
#pragma once

#include <vector>

#include "control_plane/store/refresh_repository.h"

namespace nexus::control {

struct FairPick {
    std::vector<store::DueRow> taken;
    std::vector<store::DueRow> left;  // in their order
};

/// rows  the oldest first
FairPick pick_fairly(std::vector<store::DueRow> rows, size_t count);

}  // namespace nexus::control
