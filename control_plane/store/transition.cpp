// The one shape of every transition: change, outbox, audit last (it holds the chain's lock until the commit).
#include "control_plane/store/transition.h"

#include "control_plane/store/audit_repository.h"
#include "control_plane/store/outbox_repository.h"
#include "control_plane/store/workspace_repository.h"

namespace nexus::control::store {

namespace {

Result<void> record(Transaction &sql, const Connection &connection, audit::Event event, UnixMs now) {
    if (Result<void> queued =
            outbox::enqueue(sql, redis::EventKind::kToken, connection.id, connection.generation, now);
        !queued) {
        return queued;
    }
    event.connection_id = connection.id;
    event.workspace_id = connection.workspace_id;
    event.provider_id = connection.provider_id;
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
