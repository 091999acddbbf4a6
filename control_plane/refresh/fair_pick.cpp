// Turns by workspace: see fair_pick.h.
#include "control_plane/refresh/fair_pick.h"

#include <algorithm>
#include <map>

namespace nexus::control {

FairPick pick_fairly(std::vector<store::DueRow> rows, size_t count) {
    FairPick out;
    if (rows.size() <= count) {
        out.taken = std::move(rows);
        return out;
    }
    // The n-th row of its workspace goes in turn n; the sort keeps the order of age within a turn.
    std::map<std::string, size_t> seen;
    std::vector<std::pair<size_t, size_t>> order;  // turn, index
    for (size_t i = 0; i < rows.size(); ++i) {
        order.emplace_back(seen[rows[i].workspace_id]++, i);
    }
    std::ranges::sort(order);
    std::vector<bool> is_taken(rows.size());
    for (size_t i = 0; i < count; ++i) {
        is_taken[order[i].second] = true;
    }
    for (size_t i = 0; i < rows.size(); ++i) {
        (is_taken[i] ? out.taken : out.left).push_back(std::move(rows[i]));
    }
    return out;
}

}  // namespace nexus::control
