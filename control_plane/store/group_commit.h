// Many small writes in one transaction, so that they share its cost: what is handed in while one commits goes
// into the next. Their audit events are appended together, last, because they lock the chain until the
// commit.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "control_plane/store/audit_repository.h"
#include "control_plane/store/database.h"

namespace nexus::control::store {

class GroupCommit {
public:
    /// May run more than once: no effect but through `sql` and `events`. A failure undoes and fails this work
    /// only, unless it is kStoreUnavailable, which fails the group.
    using Work = std::function<Result<void>(Transaction &sql, std::vector<audit_log::Pending> &events)>;
    /// Called once, on a writer's thread, when the work is committed or has failed. Must not throw.
    using Done = std::function<void(Result<void>)>;

    /// threads  groups at a time: one is put together while another waits for the disk. SQLite has one writer
    explicit GroupCommit(Database &database, unsigned threads = 1, size_t max_group = 64);
    ~GroupCommit();  // commits what was handed in, then ends
    GroupCommit(const GroupCommit &) = delete;
    GroupCommit &operator=(const GroupCommit &) = delete;

    void submit(Work work, Done done);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::control::store
