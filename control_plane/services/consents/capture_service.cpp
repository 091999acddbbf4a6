// Static credentials: see capture_service.h.
#include "control_plane/services/consents/capture_service.h"

#include "control_plane/oauth/stored_credentials.h"
#include "control_plane/services/connections/activation.h"
#include "control_plane/services/consents/flow_end.h"

namespace nexus::control {

Result<CaptureService::Flow> CaptureService::open_flow(const std::string &state) {
    Result<StateClaims> claims = verify_ticket(signer_, state, clock_());
    if (!claims) {
        return fail(claims.error());
    }
    Result<store::Connection> connection =
        store::connections::peek_flow(database_, claims->connection_id, claims->jti, clock_());
    if (!connection) {
        return fail(connection.error());
    }
    Result<store::Provider> provider = store::providers::get(database_, connection->provider_id);
    if (!provider) {
        return fail(provider.error());
    }
    if (!is_static_auth_type(provider->auth_type)) {
        // With an OAuth flow's state nobody may plant a token of their own (reference D8).
        return fail(Errc::kInvalidState, "this flow takes no credentials");
    }
    return Flow{std::move(*claims), std::move(*connection), std::move(*provider)};
}

CaptureForm capture_form(const store::Provider &provider) {
    return {provider.name, credential_schema_json(provider), credential_schema_of(provider)};
}

Result<CaptureForm> CaptureService::form(const std::string &state) {
    return open_flow(state).map([](const Flow &flow) { return capture_form(flow.provider); });
}

Result<Captured> CaptureService::capture(const Caller &caller, const std::string &state,
                                         const json::Value &credentials) {
    Result<Flow> flow = open_flow(state);
    if (!flow) {
        return fail(flow.error());
    }
    auto usage = read_credentials(credential_schema_of(flow->provider), credentials);
    if (!usage) {
        return fail(usage.error());
    }
    Result<store::Connection> row =
        store_credentials(caller, *flow, StoredCredentials{std::move(*usage), {}, {}});
    if (!row) {
        return fail(row.error());
    }
    announce_active(drainer_, *row);
    return Captured{row->id, flow->provider.name, flow->claims.jti,
                    success_url(*row, flow->provider.name, config_.allowed_return_domains)};
}

Result<store::Connection> CaptureService::store_credentials(const Caller &caller, const Flow &flow,
                                                            const StoredCredentials &credentials) {
    return database_.transact([&](store::Transaction &sql) -> Result<store::Connection> {
        UnixMs now = clock_();
        Result<store::Connection> taken =
            store::connections::take_flow(sql, flow.connection.id, flow.claims.jti, now);
        if (!taken) {
            return taken;
        }
        store::ConnectionChange change;
        change.expires_at = 0;
        change.refreshable = false;
        return activate(sql, vault_, *taken, credentials, change, caller.event(audit::kCredentialCaptured),
                        now);
    });
}

}  // namespace nexus::control
