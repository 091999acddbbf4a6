// Turns by workspace: see fair_pick.h.
#include "control_plane/refresh/fair_pick.h"

#include <algorithm>
#include <map>

namespace nexus::control {

std::vector<store::DueRow> pick_fairly(std::vector<store::DueRow> rows, size_t count) {
    if (rows.size() <= count) {
        return rows;
    }
    // The n-th row of its workspace goes in turn n; the sort keeps the order of age within a turn.
    std::map<std::string, size_t> seen;
    std::vector<std::pair<size_t, size_t>> order;  // turn, index
    for (size_t i = 0; i < rows.size(); ++i) {
        order.emplace_back(seen[rows[i].workspace_id]++, i);
    }
    std::ranges::sort(order);
    order.resize(count);
    std::ranges::sort(order, {}, &std::pair<size_t, size_t>::second);
    std::vector<store::DueRow> taken;
    for (const auto &[turn, index] : order) {
        taken.push_back(std::move(rows[index]));
    }
    return taken;
}

}  // namespace nexus::control
