// Workspaces as operators see them: see workspace_service.h.
#include "control_plane/services/workspace_service.h"

#include "control_plane/log/log.h"
#include "control_plane/services/label.h"
#include "control_plane/store/audit_repository.h"

namespace nexus::control {

namespace {

constexpr std::string_view kLabelRule = "must be 1 to 255 bytes without control characters";

tl::unexpected<Error> refuse(std::string_view member) {
    return fail(Errc::kInvalidRequest, "member " + std::string{member} + " " + std::string{kLabelRule},
                std::string{member});
}

Result<void> check_unbound(const Caller &caller) {
    if (!caller.workspace_id.empty()) {
        return fail(Errc::kInsufficientGrant, "this needs a key that is not bound to a workspace");
    }
    return {};
}

Result<void> record(store::Transaction &sql, const Caller &caller, std::string_view type,
                    const std::string &id, UnixMs now) {
    audit::Event event = caller.event(type);
    event.workspace_id = id;
    return store::audit_log::append(sql, event, now);
}

}  // namespace

Result<store::Workspace> WorkspaceService::create(const Caller &caller, const std::string &id,
                                                  const std::string &name) {
    if (Result<void> unbound = check_unbound(caller); !unbound) {
        return fail(unbound.error());
    }
    if (!is_label(id) || (!name.empty() && !is_label(name))) {
        return refuse(is_label(id) ? "name" : "id");
    }
    const UnixMs now = clock_();
    return database_.transact([&](store::Transaction &sql) -> Result<store::Workspace> {
        Result<store::Workspace> made = store::workspaces::create(sql, id, name, now);
        if (!made) {
            return made;
        }
        Result<void> recorded = record(sql, caller, audit::kWorkspaceCreated, id, now);
        return recorded ? std::move(made) : fail(recorded.error());
    });
}

Result<store::WorkspacePage> WorkspaceService::list(const Caller &caller, int64_t limit,
                                                    const std::string &cursor) {
    return caller.choose_workspace("").and_then(
        [&](const std::string &only) { return store::workspaces::list(database_, only, limit, cursor); });
}

Result<WorkspaceDetails> WorkspaceService::get(const Caller &caller, const std::string &id) {
    if (!is_label(id) || !caller.may_enter(id)) {
        return fail(Errc::kNotFound, "there is no such workspace");
    }
    Result<store::Workspace> workspace = store::workspaces::get(database_, id);
    if (!workspace) {
        return fail(workspace.error());
    }
    Result<store::WorkspaceCounts> counts = store::workspaces::count(database_, id);
    return counts ? Result<WorkspaceDetails>{WorkspaceDetails{std::move(*workspace), *counts}}
                  : fail(counts.error());
}

Result<store::Workspace> WorkspaceService::update(const Caller &caller, const std::string &id,
                                                  const WorkspaceUpdate &update) {
    if (!is_label(id) || !caller.may_enter(id)) {
        return fail(Errc::kNotFound, "there is no such workspace");
    }
    if (update.name && !update.name->empty() && !is_label(*update.name)) {
        return refuse("name");
    }
    if (update.suspended) {
        if (Result<void> unbound = check_unbound(caller); !unbound) {
            return fail(unbound.error());
        }
    }
    const UnixMs now = clock_();
    Result<store::Workspace> changed =
        database_.transact([&](store::Transaction &sql) -> Result<store::Workspace> {
            Result<store::Workspace> workspace = store::workspaces::get(sql, id);
            const bool was_suspended = workspace && workspace->suspended_at != 0;
            if (workspace && update.name && *update.name != workspace->name) {
                workspace = store::workspaces::rename(sql, id, *update.name, now);
                Result<void> recorded = record(sql, caller, audit::kWorkspaceUpdated, id, now);
                if (!recorded) {
                    return fail(recorded.error());
                }
            }
            if (workspace && update.suspended && *update.suspended != was_suspended) {
                workspace = store::workspaces::set_suspended(sql, id, *update.suspended, now);
                Result<void> recorded = record(
                    sql, caller, *update.suspended ? audit::kWorkspaceSuspended : audit::kWorkspaceResumed,
                    id, now);
                if (!recorded) {
                    return fail(recorded.error());
                }
            }
            return workspace;
        });
    if (changed && update.suspended) {
        log::info(*update.suspended ? "workspace_suspended" : "workspace_resumed", {{"workspace_id", id}});
        drainer_.notify();  // caller records of its agents
    }
    return changed;
}

}  // namespace nexus::control
