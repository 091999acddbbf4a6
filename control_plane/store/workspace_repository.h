// Workspaces in SQL: the tenants. A row appears with the first agent, connection or key of a workspace, or
// when it is made explicitly; connections and agents name the workspace by its id.
#pragma once

#include <string>
#include <vector>

#include "control_plane/store/database.h"
#include "shared/clock.h"

namespace nexus::control::store {

struct Workspace {
    std::string id;    // 1..255 bytes without control characters
    std::string name;  // "" = none
    UnixMs created_at = 0;
    UnixMs updated_at = 0;
    UnixMs suspended_at = 0;  // 0 = active
};

struct WorkspacePage {
    std::vector<Workspace> items;
    std::string next_cursor;
};

/// How much a workspace holds, each counted up to kCountLimit.
struct WorkspaceCounts {
    int64_t connections = 0;  // not deleted
    int64_t agents = 0;       // not revoked
    int64_t keys = 0;         // control-plane keys, not revoked
};

namespace workspaces {

inline constexpr int64_t kCountLimit = 1000;

/// Makes the row if there is none. errors kAccessDenied (the workspace is suspended: nothing new in it)
Result<void> use(Transaction &sql, std::string_view id, UnixMs now);
/// errors kConflict (there is one already)
Result<Workspace> create(Transaction &sql, std::string_view id, std::string_view name, UnixMs now);
/// errors kNotFound
Result<Workspace> get(Executor &sql, std::string_view id);
/// By id. only "" = all. errors kInvalidRequest (cursor)
Result<WorkspacePage> list(Executor &sql, std::string_view only, int64_t limit, std::string_view cursor);
Result<WorkspaceCounts> count(Executor &sql, std::string_view id);
/// errors kNotFound
Result<Workspace> rename(Transaction &sql, std::string_view id, std::string_view name, UnixMs now);
/// Sets or clears suspended_at; where that is a change, the generation of every agent grows, and the records
/// of all their keys are queued for the edges. errors kNotFound
Result<Workspace> set_suspended(Transaction &sql, std::string_view id, bool suspended, UnixMs now);

}  // namespace workspaces
}  // namespace nexus::control::store
