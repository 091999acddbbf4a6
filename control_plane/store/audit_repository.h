// The audit chain in SQL. One head row serialises writers, so the chain has no forks on either database:
// append last in a transaction, the head is locked from then to the commit.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "control_plane/audit/event.h"
#include "control_plane/store/database.h"

namespace nexus::control::store {

struct AuditFilter {
    std::string event_type;  // "" = any
    std::string connection_id;
    UnixMs since = 0;
    int64_t before_sequence = 0;  // 0 = from the newest
};

struct AuditVerdict {
    bool intact = true;
    int64_t rows = 0;
    int64_t first_bad_sequence = 0;  // 0 = none
    std::string problem;             // one sentence
};

namespace audit_log {

struct Pending {
    audit::Event event;
    UnixMs at = 0;
};

Result<void> append(Transaction &sql, const audit::Event &event, UnixMs now);
/// Many at once, in their order: a few statements for all of them.
Result<void> append_all(Transaction &sql, std::span<const Pending> events);
/// In a transaction of its own.
Result<void> append(Database &database, const audit::Event &event, UnixMs now);
/// Newest first. limit 1..1000
Result<std::vector<audit::StoredEvent>> list(Executor &sql, const AuditFilter &filter, int64_t limit);
/// Walks the whole chain in pages, up to the head.
Result<AuditVerdict> verify(Executor &sql);

}  // namespace audit_log
}  // namespace nexus::control::store
