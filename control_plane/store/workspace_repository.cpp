// Workspaces: see workspace_repository.h.
#include "control_plane/store/workspace_repository.h"

#include "control_plane/store/cursor.h"

namespace nexus::control::store::workspaces {

namespace {

#define NEXUS_WORKSPACE_COLUMNS "id, name, created_at, updated_at, suspended_at"

Result<Workspace> read_workspace(const Row &row) {
    RowReader in(row);
    Workspace workspace;
    workspace.id = in.text();
    workspace.name = in.text();
    workspace.created_at = in.integer();
    workspace.updated_at = in.integer();
    workspace.suspended_at = in.integer();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return workspace;
}

Result<Workspace> first(const Result<Rows> &rows) {
    if (!rows) {
        return fail(rows.error());
    }
    return rows->empty() ? fail(Errc::kNotFound, "there is no such workspace")
                         : read_workspace(rows->rows.front());
}

Result<int64_t> count_rows(Executor &sql, const std::string &from, std::string_view id) {
    Result<Rows> rows = sql.execute("SELECT COUNT(*) FROM (SELECT 1 FROM " + from + " LIMIT $2) AS found",
                                    {text(id), kCountLimit});
    if (!rows) {
        return fail(rows.error());
    }
    if (rows->empty()) {
        return 0;
    }
    RowReader in(rows->rows.front());
    const int64_t number = in.integer();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return number;
}

// Caller records tell of the suspension, so each is written anew under a higher generation.
Result<void> republish_agents(Transaction &sql, std::string_view id, UnixMs now) {
    Result<Rows> bumped =
        sql.execute("UPDATE agents SET generation = generation + 1, updated_at = $2 WHERE workspace_id = $1",
                    {text(id), now});
    if (!bumped) {
        return fail(bumped.error());
    }
    Result<Rows> queued = sql.execute(
        "INSERT INTO cache_outbox (kind, target_id, generation, attempts, created_at, next_attempt_at) "
        "SELECT 'agent', k.sha256, a.generation, 0, $2, $2 FROM agent_keys k JOIN agents a ON a.id = "
        "k.agent_id WHERE a.workspace_id = $1 ORDER BY k.sha256 "
        "ON CONFLICT (kind, target_id) DO UPDATE SET generation = excluded.generation, attempts = 0, "
        "next_attempt_at = excluded.next_attempt_at",
        {text(id), now});
    if (!queued) {
        return fail(queued.error());
    }
    return {};
}

}  // namespace

Result<void> use(Transaction &sql, std::string_view id, UnixMs now) {
    Result<Rows> made = sql.execute("INSERT INTO workspaces (" NEXUS_WORKSPACE_COLUMNS
                                    ") VALUES ($1, '', $2, $2, 0) ON CONFLICT (id) DO NOTHING",
                                    {text(id), now});
    if (!made) {
        return fail(made.error());
    }
    if (made->affected > 0) {
        return {};
    }
    Result<Workspace> workspace = get(sql, id);
    if (!workspace) {
        return fail(workspace.error());
    }
    if (workspace->suspended_at != 0) {
        return fail(Errc::kAccessDenied, "the workspace is suspended");
    }
    return {};
}

Result<Workspace> create(Transaction &sql, std::string_view id, std::string_view name, UnixMs now) {
    Result<Rows> made = sql.execute(
        "INSERT INTO workspaces (" NEXUS_WORKSPACE_COLUMNS
        ") VALUES ($1, $2, $3, $3, 0) ON CONFLICT (id) DO NOTHING RETURNING " NEXUS_WORKSPACE_COLUMNS,
        {text(id), text(name), now});
    if (made && made->rows.empty()) {
        return fail(Errc::kConflict, "there is a workspace with this id already");
    }
    return first(made);
}

Result<Workspace> get(Executor &sql, std::string_view id) {
    return first(sql.execute("SELECT " NEXUS_WORKSPACE_COLUMNS " FROM workspaces WHERE id = $1", {text(id)}));
}

Result<WorkspacePage> list(Executor &sql, std::string_view only, int64_t limit, std::string_view cursor) {
    limit = bounded_limit(limit);
    std::string after;
    if (!cursor.empty()) {
        Result<std::string> position = parse_name_cursor(cursor);
        if (!position) {
            return fail(position.error());
        }
        after = std::move(*position);
    }
    Result<Rows> rows =
        sql.execute("SELECT " NEXUS_WORKSPACE_COLUMNS
                    " FROM workspaces WHERE id > $1 AND ($2 = '' OR id = $2) ORDER BY id LIMIT $3",
                    {after, text(only), limit + 1});
    if (!rows) {
        return fail(rows.error());
    }
    WorkspacePage page;
    for (const Row &row : rows->rows) {
        if (page.items.size() == static_cast<size_t>(limit)) {
            page.next_cursor = to_cursor(page.items.back().id);
            break;
        }
        Result<Workspace> workspace = read_workspace(row);
        if (!workspace) {
            return fail(workspace.error());
        }
        page.items.push_back(std::move(*workspace));
    }
    return page;
}

Result<WorkspaceCounts> count(Executor &sql, std::string_view id) {
    Result<int64_t> connections =
        count_rows(sql, "connections WHERE workspace_id = $1 AND deleted_at = 0", id);
    Result<int64_t> agents = count_rows(sql, "agents WHERE workspace_id = $1 AND revoked_at = 0", id);
    Result<int64_t> keys = count_rows(sql, "control_keys WHERE workspace_id = $1 AND revoked_at = 0", id);
    if (!connections || !agents || !keys) {
        return fail(!connections ? connections.error() : !agents ? agents.error() : keys.error());
    }
    return WorkspaceCounts{*connections, *agents, *keys};
}

Result<Workspace> rename(Transaction &sql, std::string_view id, std::string_view name, UnixMs now) {
    return first(
        sql.execute("UPDATE workspaces SET name = $2, updated_at = $3 WHERE id = $1 "
                    "RETURNING " NEXUS_WORKSPACE_COLUMNS,
                    {text(id), text(name), now}));
}

Result<Workspace> set_suspended(Transaction &sql, std::string_view id, bool suspended, UnixMs now) {
    Result<Workspace> workspace = get(sql, id);
    if (!workspace || (workspace->suspended_at != 0) == suspended) {
        return workspace;
    }
    workspace =
        first(sql.execute("UPDATE workspaces SET suspended_at = $2, updated_at = $3 WHERE id = $1 "
                          "RETURNING " NEXUS_WORKSPACE_COLUMNS,
                          {text(id), suspended ? now : 0, now}));
    if (!workspace) {
        return workspace;
    }
    if (Result<void> published = republish_agents(sql, id, now); !published) {
        return fail(published.error());
    }
    return workspace;
}

}  // namespace nexus::control::store::workspaces
