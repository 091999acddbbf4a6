// How an audit event looks as a row; shared by the files that implement audit_repository.h.
#pragma once

#include "control_plane/store/audit_repository.h"

#define NEXUS_AUDIT_COLUMNS                                                                               \
    "sequence, id, created_at, event_type, workspace_id, connection_id, provider_id, actor, ip_address, " \
    "user_agent, event_data, previous_hash, hash, key_id"

namespace nexus::control::store::audit_log {

inline constexpr size_t kAuditColumns = 14;

/// Every row, in the statement's order. errors the statement's own; kStoreUnavailable (no audit row)
Result<std::vector<audit::StoredEvent>> read_events(const Result<Rows> &rows);

}  // namespace nexus::control::store::audit_log
