// When keys were last used: see last_used_repository.h.
#include "control_plane/store/last_used_repository.h"

#include <algorithm>

namespace nexus::control::store::last_used {

Result<void> write(Executor &sql, KeyTable table, const std::vector<std::pair<std::string, UnixMs>> &uses) {
    const std::string name = table == KeyTable::kAgentKeys ? "agent_keys" : "control_keys";
    std::string rows;
    std::vector<Value> parameters;
    std::vector<std::pair<std::string, UnixMs>> ordered = uses;
    std::sort(ordered.begin(), ordered.end());  // rows are locked in one order
    for (const auto &[key_id, at] : ordered) {
        parameters.emplace_back(key_id);  // in place: GCC 12 at -O2 takes a moved Value for uninitialised
        parameters.emplace_back(at);
        rows.append(rows.empty() ? "" : ", ")
            .append("($" + std::to_string(parameters.size() - 1))
            .append(", $" + std::to_string(parameters.size()) + ")");
    }
    Result<Rows> written = sql.execute(
        "WITH used(id, at) AS (VALUES " + rows + ") UPDATE " + name +
            " SET last_used_at = used.at FROM used WHERE key_id = used.id AND last_used_at < used.at",
        parameters);
    if (!written) {
        return fail(written.error());
    }
    return {};
}

}  // namespace nexus::control::store::last_used
