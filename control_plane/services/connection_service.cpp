// Connections as operators see them: see connection_service.h.
#include "control_plane/services/connection_service.h"

#include <map>

#include "control_plane/log/log.h"
#include "control_plane/services/token_service.h"
#include "control_plane/store/transition.h"
#include "shared/encoding/hex.h"

namespace nexus::control {

namespace {

constexpr int kRevokeAttempts = 5;

}  // namespace

Result<std::string> ConnectionService::provider_id_of(const std::string &name_or_id) {
    if (name_or_id.empty() || encoding::is_uuid(name_or_id)) {
        return encoding::to_lower_ascii(name_or_id);
    }
    return store::providers::get_by_name(database_, name_or_id).map([](const store::Provider &provider) {
        return provider.id;
    });
}

Result<ConnectionViewPage> ConnectionService::list(const Caller &caller, const ConnectionQuery &query) {
    store::ConnectionFilter filter;
    Result<std::string> workspace = caller.choose_workspace(query.workspace_id);
    if (!workspace) {
        return fail(workspace.error());
    }
    filter.workspace_id = std::move(*workspace);
    if (!query.state.empty()) {
        filter.state = connection::parse_state(query.state);
        if (!filter.state) {
            return fail(Errc::kInvalidRequest, "parameter state is no connection state", "state");
        }
    }
    Result<std::string> provider_id = provider_id_of(query.provider);
    if (!provider_id) {
        return fail(provider_id.error());
    }
    filter.provider_id = std::move(*provider_id);
    Result<store::ConnectionPage> page =
        store::connections::list(database_, filter, query.limit, query.cursor);
    if (!page) {
        return fail(page.error());
    }
    ConnectionViewPage out;
    out.next_cursor = std::move(page->next_cursor);
    std::map<std::string, std::string> names;  // a page has few providers
    for (store::Connection &connection : page->items) {
        auto found = names.find(connection.provider_id);
        if (found == names.end()) {
            Result<store::Provider> provider = store::providers::get_any(database_, connection.provider_id);
            if (!provider) {
                return fail(provider.error());
            }
            found = names.emplace(connection.provider_id, provider->name).first;
        }
        out.items.push_back(ConnectionView{std::move(connection), found->second});
    }
    return out;
}

Result<ConnectionView> ConnectionService::get(const Caller &caller, const std::string &id) {
    Result<std::string> canonical = canonical_connection_id(id);
    if (!canonical) {
        return fail(canonical.error());
    }
    Result<store::Connection> connection = store::connections::get(database_, *canonical);
    if (!connection) {
        return fail(connection.error());
    }
    Result<store::Provider> provider = store::providers::get_any(database_, connection->provider_id);
    if (!provider) {
        return fail(provider.error());
    }
    if (!caller.may_see(connection->workspace_id, connection->id, provider->name)) {
        return fail(Errc::kConnectionNotFound, "there is no such connection");
    }
    return ConnectionView{std::move(*connection), std::move(provider->name)};
}

Result<ConnectionView> ConnectionService::revoke(const Caller &caller, const std::string &id) {
    for (int attempt = 1;; ++attempt) {
        Result<ConnectionView> view = get(caller, id);
        if (!view || view->connection.state == connection::State::kRevoked) {
            return view;
        }
        const store::Connection &before = view->connection;
        Result<store::Connection> row =
            database_.transact([&](store::Transaction &sql) -> Result<store::Connection> {
                if (Result<void> erased = store::tokens::erase(sql, before.id); !erased) {
                    return fail(erased.error());
                }
                store::ConnectionChange change;
                change.state = connection::State::kRevoked;
                return store::change_connection(sql, before.id, before.generation, change,
                                                caller.event(audit::kConnectionRevoked), clock_());
            });
        bool moved = !row && row.error().errc == Errc::kConflict && attempt < kRevokeAttempts;
        if (moved) {
            continue;  // a refresh came between; the newer row is revoked instead
        }
        if (!row) {
            return fail(row.error());
        }
        log::info("connection_revoked", {{"connection_id", row->id}});
        (void)drainer_.flush(redis::EventKind::kToken, row->id, row->generation);
        view->connection = std::move(*row);
        return view;
    }
}

}  // namespace nexus::control
