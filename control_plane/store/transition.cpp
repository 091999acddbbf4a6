// The one shape of every transition: change, outbox, audit last (it holds the chain's lock until the commit).
#include "control_plane/store/transition.h"

#include "control_plane/json/json.h"
#include "control_plane/store/audit_repository.h"
#include "control_plane/store/outbox_repository.h"
#include "control_plane/store/workspace_repository.h"

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

Result<void> record(Transaction &sql, const Connection &connection, audit::Event event, UnixMs now) {
    if (Result<void> queued =
            outbox::enqueue(sql, redis::EventKind::kToken, connection.id, connection.generation, now);
        !queued) {
        return queued;
    }
    event.connection_id = connection.id;
    event.workspace_id = connection.workspace_id;
    event.provider_id = connection.provider_id;
    event.data = with_token_version(event.data, connection);
    return audit_log::append(sql, event, now);
}

Result<Connection> recorded(Transaction &sql, Result<Connection> changed, audit::Event event, UnixMs now) {
    if (!changed) {
        return changed;
    }
    if (Result<void> done = record(sql, *changed, std::move(event), now); !done) {
        return fail(done.error());
    }
    return changed;
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
    return recorded(sql, connections::change(sql, id, expected_generation, change, now), std::move(event),
                    now);
}

Result<Connection> commit_refresh(Transaction &sql, std::string_view id, int64_t expected_generation,
                                  int64_t epoch, const ConnectionChange &change, audit::Event event,
                                  UnixMs now) {
    return recorded(sql, connections::commit_refresh(sql, id, expected_generation, epoch, change, now),
                    std::move(event), now);
}

Result<void> publish_agent(Transaction &sql, const Agent &agent, audit::Event event, UnixMs now) {
    if (Result<void> queued = outbox::enqueue_agent_keys(sql, agent.id, agent.generation, now); !queued) {
        return queued;
    }
    event.workspace_id = agent.workspace_id;
    return audit_log::append(sql, event, now);
}

}  // namespace nexus::control::store
