// The audit chain in SQL. One head row serialises writers, so the chain has no forks on either database:
// append last in a transaction, the head is locked from then to the commit. What rows are sealed with is
// audit/chain.h's business.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "control_plane/audit/event.h"
#include "control_plane/store/database.h"

namespace nexus::control::store {

struct AuditFilter {
    std::string event_type;  // "" = any, like all texts
    std::string connection_id;
    std::string workspace_id;
    std::string provider_id;
    std::string actor;
    UnixMs since = 0;             // inclusive
    UnixMs until = 0;             // exclusive; 0 = no bound
    int64_t before_sequence = 0;  // 0 = from the newest
};

struct AuditVerdict {
    bool intact = true;
    int64_t rows = 0;                // looked at
    int64_t first_bad_sequence = 0;  // 0 = none
    std::string problem;             // one sentence
};

/// One stretch of the chain, looked at.
struct AuditStretch {
    AuditVerdict verdict;
    int64_t through = 0;         // the last row looked at; ask for `after` it to go on
    int64_t head = 0;            // sequence of the newest row
    std::string head_hash;       // hexadecimal
    int64_t first_sequence = 1;  // of the oldest row kept
    int64_t unkeyed = 0;         // rows with a plain hash
    // Newest token version that events of this stretch tell of each connection.
    std::map<std::string, int64_t> token_versions;
};

namespace audit_log {

struct Pending {
    audit::Event event;
    UnixMs at = 0;
};

/// errors kInternal: the chain has a key, and this process has not loaded it (services/audit/audit_key.h)
Result<void> append(Transaction &sql, const audit::Event &event, UnixMs now);
/// Many at once, in their order: a few statements for all of them.
Result<void> append_all(Transaction &sql, std::span<const Pending> events);
/// In a transaction of its own.
Result<void> append(Database &database, const audit::Event &event, UnixMs now);
/// The same, for the first event under a new chain key: whatever the head was sealed with does not matter.
Result<void> begin_chain(Transaction &sql, const audit::Event &event, UnixMs now);
/// Newest first. limit 1..1000
Result<std::vector<audit::StoredEvent>> list(Executor &sql, const AuditFilter &filter, int64_t limit);

/// Looks at rows after `after`, up to `limit` of them; 0 = from the oldest row kept. The head is looked at
/// too.
Result<AuditStretch> verify_stretch(Database &database, int64_t after, int64_t limit);
/// Walks the whole chain in pages, up to the head.
Result<AuditVerdict> verify(Database &database);

/// Removes rows older than `before` from the chain's old end, at most `limit`; the head says from then on
/// where the chain begins, and an event that rows were removed. The newest row stays. returns how many were
/// removed
Result<int64_t> trim(Database &database, UnixMs before, int64_t limit, UnixMs now);

}  // namespace audit_log
}  // namespace nexus::control::store
