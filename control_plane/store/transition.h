// Changes that edges must see: the row, the audit event and the outbox row in one transaction. Services use
// these rather than the repositories' bare writes; after the commit they tell the outbox drainer (cache/).
#pragma once

#include "control_plane/audit/event.h"
#include "control_plane/store/agent_repository.h"
#include "control_plane/store/connection_repository.h"
#include "control_plane/store/token_repository.h"

namespace nexus::control::store {

/// The event's connection_id, workspace_id and provider_id are filled in from the connection.
/// The workspace's row is made if there is none. errors as connections::create; kAccessDenied (suspended)
Result<void> create_connection(Transaction &sql, const Connection &connection, audit::Event event,
                               UnixMs now);

/// connections::change + refresh queue (where the state is set: active = a new grant) + outbox + audit.
/// errors as connections::change
Result<Connection> change_connection(Transaction &sql, std::string_view id, int64_t expected_generation,
                                     const ConnectionChange &change, audit::Event event, UnixMs now);

/// What a refresh does to a connection: connections::change_from + outbox. Its row in the refresh queue is
/// the caller's to settle, and `event`, filled in, the caller's to append: many refreshes share a
/// transaction, and the audit chain is locked last. errors as connections::change
Result<Connection> change_refreshed(Transaction &sql, const Connection &before,
                                    const ConnectionChange &change, audit::Event &event, UnixMs now);

/// Outbox rows for all keys of the agent + audit, after agents::update, revoke, add_key or revoke_key.
Result<void> publish_agent(Transaction &sql, const Agent &agent, audit::Event event, UnixMs now);

}  // namespace nexus::control::store
