// Workspaces as operators see them: list, name, suspend, resume. A suspended workspace has no callers: keys
// of its agents and keys bound to it are refused here and at the edges, and nothing new is made in it. Its
// connections stay as they are, for operators' own keys.
#pragma once

#include <optional>
#include <string>

#include "control_plane/cache/outbox_drainer.h"
#include "control_plane/services/access/caller.h"
#include "control_plane/store/workspace_repository.h"

namespace nexus::control {

struct WorkspaceDetails {
    store::Workspace workspace;
    store::WorkspaceCounts counts;
};

struct WorkspaceUpdate {
    std::optional<std::string> name;
    std::optional<bool> suspended;
};

/// A workspace out of the caller's reach is kNotFound. Making, suspending and resuming are for keys that are
/// bound to none (kInsufficientGrant).
class WorkspaceService {
public:
    WorkspaceService(store::Database &database, OutboxDrainer &drainer, Clock clock)
        : database_(database), drainer_(drainer), clock_(std::move(clock)) {}

    /// errors kInvalidRequest, kConflict (there is one already)
    Result<store::Workspace> create(const Caller &caller, const std::string &id, const std::string &name);
    /// By id. errors kInvalidRequest (cursor)
    Result<store::WorkspacePage> list(const Caller &caller, int64_t limit, const std::string &cursor);
    /// errors kNotFound
    Result<WorkspaceDetails> get(const Caller &caller, const std::string &id);
    /// errors kNotFound, kInvalidRequest
    Result<store::Workspace> update(const Caller &caller, const std::string &id,
                                    const WorkspaceUpdate &update);

private:
    store::Database &database_;
    OutboxDrainer &drainer_;
    Clock clock_;
};

}  // namespace nexus::control
