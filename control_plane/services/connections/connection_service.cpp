// Connections as operators see them: see connection_service.h.
#include "control_plane/services/connections/connection_service.h"

#include <map>

#include "control_plane/log/log.h"
#include "control_plane/oauth/stored_credentials.h"
#include "control_plane/services/connections/activation.h"
#include "control_plane/services/connections/connection_labels.h"
#include "control_plane/services/connections/token_service.h"
#include "control_plane/store/audit_repository.h"
#include "control_plane/store/moving_row.h"
#include "control_plane/store/transition.h"
#include "shared/encoding/hex.h"
#include "shared/http1/request_rules.h"

namespace nexus::control {

namespace {

Result<void> check_rules(const std::vector<std::string> &rules) {
    size_t bytes = 0;
    for (const std::string &rule : rules) {
        if (!http1::is_request_rule(rule)) {
            return fail(
                Errc::kInvalidRequest,
                "member request_rules must hold METHOD PATH, such as \"GET /repos/*\": a plain absolute path",
                "request_rules");
        }
        bytes += rule.size();
    }
    if (bytes > http1::kMaxRequestRulesBytes) {
        return fail(Errc::kInvalidRequest,
                    "member request_rules holds " + std::to_string(bytes) + " bytes, of at most " +
                        std::to_string(http1::kMaxRequestRulesBytes),
                    "request_rules");
    }
    return {};
}

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
    filter.user_id = query.user_id;
    for (const std::string &text : query.labels) {
        Result<std::pair<std::string, std::string>> label = parse_label(text);
        if (!label) {
            return fail(label.error());
        }
        filter.labels.push_back(std::move(*label));
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

Result<AccountIdentity> ConnectionService::identity(const Caller &caller, const std::string &id) {
    Result<ConnectionView> view = get(caller, id);
    if (!view) {
        return fail(view.error());
    }
    Result<store::Identity> identity = store::identities::get(database_, view->connection.id);
    if (!identity) {
        return fail(identity.error());
    }
    return AccountIdentity{std::move(*view), std::move(*identity)};
}

Result<ConnectionView> ConnectionService::patch(const Caller &caller, const std::string &id,
                                                const ConnectionPatch &wish) {
    if (Result<void> checked = check_rules(wish.request_rules.value_or(std::vector<std::string>{}));
        !checked) {
        return fail(checked.error());
    }
    return store::while_it_moves([&]() -> Result<ConnectionView> {
        Result<ConnectionView> view = get(caller, id);
        if (!view) {
            return view;
        }
        Result<std::string> merged = merged_labels(view->connection.labels, wish.labels);
        if (!merged) {
            return fail(merged.error());
        }
        store::ConnectionChange change;
        change.labels = std::move(*merged);
        change.request_rules = wish.request_rules;
        const store::Connection &before = view->connection;
        if (wish.if_generation && *wish.if_generation != before.generation) {
            return fail(Errc::kConflict, "the connection was changed meanwhile", "if_generation");
        }
        Result<store::Connection> row = database_.transact([&](store::Transaction &sql) {
            return store::change_connection(
                sql, before.id, before.generation, change,
                caller.event(wish.request_rules ? audit::kConnectionRestricted : audit::kConnectionLabelled),
                clock_());
        });
        if (!row) {
            return fail(row.error());
        }
        drainer_.notify();
        view->connection = std::move(*row);
        return view;
    });
}

Result<Ended> ConnectionService::revoke(const Caller &caller, const std::string &id) {
    return end_and_tell(caller, id, false);
}

Result<Ended> ConnectionService::remove(const Caller &caller, const std::string &id) {
    return end_and_tell(caller, id, true);
}

// Ours first, in one transaction; the provider may take its time, or be away. If a refresh comes between, the
// newer row is ended instead.
Result<Ended> ConnectionService::end_and_tell(const Caller &caller, const std::string &id, bool removed) {
    return store::while_it_moves([&]() -> Result<Ended> {
        Result<ConnectionView> view = get(caller, id);
        if (!view) {
            return fail(view.error());
        }
        const store::Connection before = view->connection;
        bool ended_before = before.state == connection::State::kRevoked;
        if (ended_before && !removed) {
            return Ended{std::move(*view), std::nullopt};
        }
        Result<StoredCredentials> credentials = credentials_of(before);
        Result<store::Connection> row = end(caller, before, removed);
        if (!row) {
            return fail(row.error());
        }
        log::info(removed ? "connection_deleted" : "connection_revoked", {{"connection_id", row->id}});
        (void)drainer_.flush(redis::EventKind::kToken, row->id, row->generation);
        view->connection = std::move(*row);
        Ended out{std::move(*view), std::nullopt};
        if (!ended_before) {
            out.upstream = tell_provider(caller, before, credentials);
        }
        return out;
    });
}

Result<store::Connection> ConnectionService::end(const Caller &caller, const store::Connection &before,
                                                 bool removed) {
    return database_.transact([&](store::Transaction &sql) -> Result<store::Connection> {
        if (Result<void> erased = forget_account(sql, before.id); !erased) {
            return fail(erased.error());
        }
        UnixMs now = clock_();
        store::ConnectionChange change;
        change.state = connection::State::kRevoked;
        if (removed) {
            change.deleted_at = now;
        }
        std::string_view type = removed ? audit::kConnectionDeleted : audit::kConnectionRevoked;
        return store::change_connection(sql, before.id, before.generation, change, caller.event(type), now);
    });
}

Result<StoredCredentials> ConnectionService::credentials_of(const store::Connection &connection) {
    return store::tokens::get(database_, connection.id).and_then([&](const store::Token &token) {
        return open_credentials(vault_, connection, token);
    });
}

// What came of it is an event of its own: the end itself was recorded before the provider was asked.
UpstreamRevocation ConnectionService::tell_provider(const Caller &caller, const store::Connection &before,
                                                    const Result<StoredCredentials> &credentials) {
    bool had_none = !credentials && credentials.error().errc == Errc::kTokenUnavailable;
    Result<store::Provider> provider = store::providers::get_any(database_, before.provider_id);
    UpstreamRevocation outcome = UpstreamRevocation::kUnsupported;
    if (!had_none) {
        outcome = provider ? revoker_.revoke(*provider, before, credentials ? &*credentials : nullptr)
                           : UpstreamRevocation::kFailed;
    }
    audit::Event event = caller.event(audit::kUpstreamRevocation, "upstream_revoked", to_string(outcome));
    event.connection_id = before.id;
    event.workspace_id = before.workspace_id;
    event.provider_id = before.provider_id;
    if (Result<void> recorded = store::audit_log::append(database_, event, clock_()); !recorded) {
        log::error("upstream_revocation_not_recorded", {{"connection_id", before.id}});
    }
    return outcome;
}

}  // namespace nexus::control
