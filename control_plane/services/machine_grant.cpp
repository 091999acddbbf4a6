// Connections without a person: the client credentials grant (RFC 6749 section 4.4), exchanged when the
// connection is asked for. Nothing is stored unless the provider says yes.
#include "control_plane/log/log.h"
#include "control_plane/oauth/authorization_url.h"
#include "control_plane/oauth/token_credentials.h"
#include "control_plane/oauth/variables.h"
#include "control_plane/services/activation.h"
#include "control_plane/services/consent_service.h"

namespace nexus::control {

namespace {

tl::unexpected<Error> refused(const TokenResponse &response) {
    bool passing = response.outcome == TokenOutcome::kTransient;
    Error error{passing ? Errc::kProviderUnavailable : Errc::kProviderError,
                "the provider gave no token for the client's own credentials", response.reason,
                response.retry_after_s};
    return fail(std::move(error));
}

store::ConnectionChange change_of(const store::Connection &connection, const OAuthClient &client,
                                  const TokenResponse &response, UnixMs asked_at) {
    store::ConnectionChange change;
    change.expires_at = expires_at_from(response, asked_at);
    change.refreshable = true;  // by asking again
    change.scopes = response.scope ? split_scopes(*response.scope) : connection.flow_scopes;
    if (!response.kept.empty()) {
        change.metadata = merged_json(connection.metadata, response.kept);
    }
    Variables variables = client.variables;
    variables.erase("client_id");
    for (const auto &[name, value] : response.variables) {
        variables[name] = value;
    }
    change.variables = to_json_text(variables);
    return change;
}

void drop_flow(store::Connection &connection) {
    connection.flow_id.clear();
    connection.flow_expires_at = 0;
    connection.code_verifier_box.clear();
    connection.code_verifier_key_id.clear();
    connection.nonce.clear();
}

}  // namespace

Result<Consent> ConsentService::connect_machine(const Caller &caller, const store::Provider &provider,
                                                store::Connection connection, Begun begun, bool is_new) {
    if (Result<void> keyed = use_dpop_key(*begun.client, Secret{}); !keyed) {
        return fail(keyed.error());
    }
    const UnixMs asked_at = clock_();
    TokenResponse response = endpoint_.client_credentials(*begun.client, connection.flow_scopes);
    if (response.outcome != TokenOutcome::kTokens) {
        log::warn("client_credentials_refused", {{"provider_id", provider.id}, {"reason", response.reason}});
        return refused(response);
    }
    StoredCredentials credentials = credentials_from(response, Secret{});
    credentials.dpop_key = begun.client->dpop_key.clone();
    store::ConnectionChange change = change_of(connection, *begun.client, response, asked_at);
    drop_flow(connection);
    Result<store::Connection> row =
        database_.transact([&](store::Transaction &sql) -> Result<store::Connection> {
            UnixMs now = clock_();
            if (is_new) {
                Result<void> created =
                    store::create_connection(sql, connection, caller.event(audit::kConnectionCreated), now);
                if (!created) {
                    return fail(created.error());
                }
            }
            Result<store::Connection> newest = store::connections::get(sql, connection.id);
            if (!newest) {
                return newest;
            }
            return activate(sql, vault_, *newest, credentials, change,
                            caller.event(audit::kOauthFlowCompleted), now);
        });
    if (!row) {
        return fail(row.error());
    }
    announce_active(drainer_, *row);
    connection.state = row->state;
    return consent_of(connection, std::move(begun.ticket));
}

}  // namespace nexus::control
