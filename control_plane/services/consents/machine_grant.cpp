// Connections without a person: the client credentials grant (RFC 6749 section 4.4) and token exchange (RFC
// 8693), asked of the provider when the connection is asked for. Nothing is stored unless it says yes, and of
// a subject token nothing at all.
#include <algorithm>

#include "control_plane/log/log.h"
#include "control_plane/oauth/authorization_url.h"
#include "control_plane/oauth/token_credentials.h"
#include "control_plane/oauth/variables.h"
#include "control_plane/services/connections/activation.h"
#include "control_plane/services/consents/consent_service.h"

namespace nexus::control {

namespace {

tl::unexpected<Error> refused(const TokenResponse &response) {
    bool passing = is_passing(response.outcome);
    Error error{passing ? Errc::kProviderUnavailable : Errc::kProviderError,
                "the provider gave no token for a connection without a person", response.reason,
                response.retry_after_s};
    return fail(std::move(error));
}

store::ConnectionChange change_of(const store::Connection &connection, const OAuthClient &client,
                                  const TokenResponse &response, UnixMs asked_at) {
    store::ConnectionChange change;
    change.expires_at = expires_at_from(response, asked_at);
    change.refreshable = client.can_renew(response.refresh_token);
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

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

// Any printable text; its type is a URI (RFC 8693 section 3).
Result<void> check_subject(const SubjectToken &subject) {
    if (!is_printable(subject.token.view())) {
        return fail(Errc::kInvalidRequest, "member subject_token must be printable ASCII", "subject_token");
    }
    const bool is_uri = subject.type.find(':') != std::string::npos && is_printable(subject.type);
    if (is_uri ? subject.token.empty() : !subject.type.empty()) {
        return fail(Errc::kInvalidRequest,
                    "member subject_token_type must be the URI of subject_token's type",
                    "subject_token_type");
    }
    return {};
}

}  // namespace

// A subject token goes with its grant, and the grant with a subject token.
Result<void> ConsentService::check_wanted(const Begun &begun, const SubjectToken &subject) {
    if (Result<void> checked = check_subject(subject); !checked) {
        return checked;
    }
    const bool is_exchange =
        begun.client && begun.client->profile.grant == OAuthProfile::Grant::kTokenExchange;
    if (is_exchange != subject.token.empty()) {
        return {};
    }
    return fail(Errc::kInvalidRequest,
                is_exchange ? "a connection with this provider is made from a subject_token"
                            : "member subject_token is for providers with grant token_exchange",
                "subject_token");
}

TokenResponse ConsentService::machine_tokens(const OAuthClient &client, const store::Connection &connection,
                                             const SubjectToken &subject) const {
    if (client.is_client_credentials()) {
        return endpoint_.client_credentials(client, connection.flow_scopes);
    }
    return endpoint_.exchange_token(client, subject, connection.flow_scopes);
}

Result<Consent> ConsentService::connect_machine(const Caller &caller, const store::Provider &provider,
                                                store::Connection connection, Begun begun,
                                                const SubjectToken &subject, bool is_new) {
    if (Result<void> keyed = use_dpop_key(*begun.client, Secret{}); !keyed) {
        return fail(keyed.error());
    }
    const UnixMs asked_at = clock_();
    TokenResponse response = machine_tokens(*begun.client, connection, subject);
    if (response.outcome != TokenOutcome::kTokens) {
        log::warn("machine_grant_refused", {{"provider_id", provider.id}, {"reason", response.reason}});
        return refused(response);
    }
    store::ConnectionChange change = change_of(connection, *begun.client, response, asked_at);
    StoredCredentials credentials = credentials_from(response, Secret{});
    credentials.dpop_key = begun.client->dpop_key.clone();
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
