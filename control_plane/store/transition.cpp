// The one shape of every transition: change, outbox, audit last (it holds the chain's lock until the commit).
#include "control_plane/store/transition.h"

#include "control_plane/json/json.h"
#include "control_plane/store/audit_repository.h"
#include "control_plane/store/outbox_repository.h"
#include "control_plane/store/refresh_repository.h"
#include "control_plane/store/workspace_repository.h"
#include "shared/connection/refresh_due.h"

namespace nexus::control::store {

namespace {

/// The chain is a witness of how far a connection's credentials had come: rows that go back behind it were
/// put back (audit_log::verify_stretch).
std::string with_token_version(const std::string &data, const Connection &connection) {
    if (connection.token_version == 0) {
        return data;
    }
    Result<json::Value> object = json::parse_object(data.empty() ? "{}" : data);
    return object ? object->set("token_version", connection.token_version).dump_text() : data;
}

audit::Event event_of(const Connection &connection, audit::Event event) {
    event.connection_id = connection.id;
    event.workspace_id = connection.workspace_id;
    event.provider_id = connection.provider_id;
    event.data = with_token_version(event.data, connection);
    return event;
}

Result<void> record(Transaction &sql, const Connection &connection, audit::Event event, UnixMs now) {
    return outbox::enqueue(sql, redis::EventKind::kToken, connection.id, connection.generation, now)
        .and_then([&] { return audit_log::append(sql, event_of(connection, std::move(event)), now); });
}

// What becomes active has a new grant; what is no longer active has none to refresh.
Result<void> requeue(Executor &sql, const Connection &connection, UnixMs now) {
    if (connection.state != connection::State::kActive) {
        return refreshes::rest(sql, connection.id);
    }
    return connection.refreshable
               ? refreshes::begin(sql, connection,
                                  connection::refresh_due_at(connection.id, now, connection.expires_at))
               : refreshes::supersede(sql, connection.id);
}

}  // namespace

Result<void> create_connection(Transaction &sql, const Connection &connection, audit::Event event,
                               UnixMs now) {
    if (Result<void> used = workspaces::use(sql, connection.workspace_id, now); !used) {
        return used;
    }
    if (Result<void> created = connections::create(sql, connection); !created) {
        return created;
    }
    return record(sql, connection, std::move(event), now);
}

Result<Connection> change_connection(Transaction &sql, std::string_view id, int64_t expected_generation,
                                     const ConnectionChange &change, audit::Event event, UnixMs now) {
    Result<Connection> changed = connections::change(sql, id, expected_generation, change, now);
    if (!changed) {
        return changed;
    }
    Result<void> recorded = change.state ? requeue(sql, *changed, now) : Result<void>{};
    if (recorded) {
        recorded = record(sql, *changed, std::move(event), now);
    }
    return recorded ? std::move(changed) : fail(recorded.error());
}

Result<Connection> change_refreshed(Transaction &sql, const Connection &before,
                                    const ConnectionChange &change, audit::Event &event, UnixMs now) {
    Result<Connection> changed = connections::change_from(sql, before, change, now);
    if (!changed) {
        return changed;
    }
    if (Result<void> queued =
            outbox::enqueue(sql, redis::EventKind::kToken, changed->id, changed->generation, now);
        !queued) {
        return fail(queued.error());
    }
    event = event_of(*changed, std::move(event));
    return changed;
}

Result<void> publish_agent(Transaction &sql, const Agent &agent, audit::Event event, UnixMs now) {
    if (Result<void> queued = outbox::enqueue_agent_keys(sql, agent.id, agent.generation, now); !queued) {
        return queued;
    }
    event.workspace_id = agent.workspace_id;
    return audit_log::append(sql, event, now);
}

}  // namespace nexus::control::store
