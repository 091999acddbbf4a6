// Another flow on an existing connection: the part of ConsentService that keeps an id.
#include "control_plane/log/log.h"
#include "control_plane/oauth/return_url.h"
#include "control_plane/oauth/variables.h"
#include "control_plane/services/connections/token_service.h"
#include "control_plane/services/consents/consent_service.h"
#include "control_plane/services/consents/reconnect_link.h"
#include "control_plane/store/audit_repository.h"
#include "control_plane/store/transition.h"

namespace nexus::control {

namespace {

tl::unexpected<Error> not_found() {
    return fail(Errc::kConnectionNotFound, "no such connection");
}

store::Flow flow_of(const store::Connection &connection) {
    store::Flow flow;
    flow.flow_id = connection.flow_id;
    flow.flow_expires_at = connection.flow_expires_at;
    flow.code_verifier_box = connection.code_verifier_box;
    flow.nonce = connection.nonce;
    flow.return_url = connection.return_url;
    flow.scopes = connection.flow_scopes;
    flow.variables = connection.flow_variables;
    flow.allows_other_account = connection.flow_allows_other_account;
    return flow;
}

}  // namespace

Result<Consent> ConsentService::reconnect(const Caller &caller, const ReconnectRequest &request) {
    Result<std::string> id = canonical_connection_id(request.connection_id);
    if (!id) {
        return fail(id.error());
    }
    Result<store::Connection> connection = store::connections::get(database_, *id);
    if (!connection) {
        return connection.error().errc == Errc::kConnectionNotFound ? not_found() : fail(connection.error());
    }
    Result<store::Provider> provider = store::providers::get_any(database_, connection->provider_id);
    if (!provider) {
        return fail(provider.error());
    }
    if (!caller.may_see(connection->workspace_id, connection->id, provider->name)) {
        return not_found();
    }
    return renew(caller, Existing{std::move(*connection), std::move(*provider)}, request);
}

Result<ConsentService::Existing> ConsentService::find_link(const std::string &ticket) {
    Result<ReconnectClaims> claims = signer_.verify_reconnect(ticket, clock_());
    if (!claims) {
        return fail(claims.error());
    }
    Result<store::Connection> connection = store::connections::get(database_, claims->connection_id);
    bool gone = !connection && connection.error().errc == Errc::kConnectionNotFound;
    if (gone || (connection && !needs_person(*connection))) {
        return fail(Errc::kInvalidState, "this link is not needed any more");
    }
    if (!connection) {
        return fail(connection.error());
    }
    Result<store::Provider> provider = store::providers::get(database_, connection->provider_id);
    if (!provider) {
        return fail(provider.error());
    }
    return Existing{std::move(*connection), std::move(*provider)};
}

Result<std::string> ConsentService::provider_of_link(const std::string &ticket) {
    return find_link(ticket).map([](const Existing &existing) { return existing.provider.name; });
}

Result<Consent> ConsentService::reconnect_by_link(const Caller &person, const std::string &ticket) {
    Result<Existing> existing = find_link(ticket);
    return existing ? renew(person, std::move(*existing), {}) : fail(existing.error());
}

// Those that are given; else those that it was connected with, or was to be.
Result<void> ConsentService::set_variables(const store::Provider &provider, store::Connection &connection,
                                           const json::Value &given) {
    if (given.is_null()) {
        bool has_some = connection.variables != "{}";
        connection.flow_variables = has_some ? connection.variables : connection.flow_variables;
        return {};
    }
    ConsentRequest wish;
    wish.variables = given.borrow();
    return flow_variables(provider, wish).map([&](const Variables &variables) {
        connection.flow_variables = to_json_text(variables);
    });
}

Result<Consent> ConsentService::renew(const Caller &caller, Existing existing,
                                      const ReconnectRequest &request) {
    store::Connection &connection = existing.connection;
    if (connection.state == connection::State::kRevoked) {
        return fail(Errc::kConnectionRevoked, "the connection is revoked");
    }
    if (existing.provider.deleted_at != 0) {
        return fail(Errc::kProviderNotFound, "the connection's provider is deleted");
    }
    if (!request.return_url.empty()) {
        connection.return_url = request.return_url;
    }
    Result<void> checked = check_scopes(request.scopes).and_then([&] {
        return check_return_url(connection.return_url, config_.allowed_return_domains);
    });
    if (!checked) {
        return fail(checked.error());
    }
    connection.flow_scopes = !request.scopes.empty() ? request.scopes
                             : !connection.scopes.empty()
                                 ? connection.scopes
                                 : existing.provider.scopes;  // it was imported without
    if (Result<void> set = set_variables(existing.provider, connection, request.variables); !set) {
        return fail(set.error());
    }
    connection.flow_allows_other_account = request.allow_other_account;
    UnixMs now = clock_();
    Result<Begun> begun = begin_flow(existing.provider, connection, now);
    if (!begun) {
        return fail(begun.error());
    }
    if (Result<void> wanted = check_wanted(*begun, request.subject); !wanted) {
        return fail(wanted.error());
    }
    if (begun->is_machine()) {
        return connect_machine(caller, existing.provider, std::move(connection), std::move(*begun),
                               request.subject, false);
    }
    if (Result<void> stored = store_flow(caller, connection, now); !stored) {
        return fail(stored.error());
    }
    bool again = connection.state == connection::State::kFailed;
    connection.state = again ? connection::State::kPending : connection.state;
    log::info("reconnect_begun", {{"connection_id", connection.id}});
    return consent_of(connection, std::move(begun->ticket));
}

// The row as it is in the transaction decides; a failed connection gets its second chance.
Result<void> ConsentService::store_flow(const Caller &caller, const store::Connection &connection,
                                        UnixMs now) {
    audit::Event event = caller.event(audit::kConnectionReconnecting);
    return database_.transact([&](store::Transaction &sql) -> Result<void> {
        Result<store::Connection> row = store::connections::get(sql, connection.id);
        if (!row) {
            return fail(row.error());
        }
        Result<void> begun = store::connections::start_flow(sql, row->id, flow_of(connection), now);
        if (!begun) {
            return begun;
        }
        if (row->state == connection::State::kFailed) {
            store::ConnectionChange change;
            change.state = connection::State::kPending;
            return store::change_connection(sql, row->id, row->generation, change, event, now)
                .map([](const store::Connection &) {});
        }
        audit::Event recorded = event;
        recorded.connection_id = row->id;
        recorded.workspace_id = row->workspace_id;
        recorded.provider_id = row->provider_id;
        return store::audit_log::append(sql, recorded, now);
    });
}

}  // namespace nexus::control
