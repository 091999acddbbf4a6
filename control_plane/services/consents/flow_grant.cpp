// What an OAuth flow yields: the code exchanged, the id_token verified, the account compared, all of it
// stored. When a flow comes to this is callback_service.cpp's and device_flow.cpp's business.
#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/oauth/authorization_url.h"
#include "control_plane/oauth/code_verifier_box.h"
#include "control_plane/oauth/variables.h"
#include "control_plane/services/connections/account_check.h"
#include "control_plane/services/connections/account_identity.h"
#include "control_plane/services/connections/activation.h"
#include "control_plane/services/consents/callback_service.h"
#include "control_plane/services/consents/redirect_uri.h"
#include "control_plane/store/moving_row.h"

namespace nexus::control {

Result<void> CallbackService::exchange_and_store(const Caller &caller, const Flow &flow, OAuthClient &client,
                                                 const CallbackInput &input) {
    Result<Grant> grant = exchange(flow, client, *input.parameter(client.profile.code_param));
    return grant ? store_if_same_account(caller, flow, client, input, std::move(*grant))
                 : fail(grant.error());
}

Result<void> CallbackService::store_if_same_account(const Caller &caller, const Flow &flow,
                                                    const OAuthClient &client, const CallbackInput &input,
                                                    Grant grant) {
    keep_fields(client, input, grant);
    if (Result<void> account = check_account(flow, flow.connection, client.profile, grant); !account) {
        return account;
    }
    if (grant.identity) {
        grant.identity = with_userinfo(userinfo_, fetch_, client, grant.credentials,
                                       std::move(*grant.identity), flow.connection.id);
    }
    return store_grant(caller, flow, client.profile, grant);
}

Result<void> CallbackService::check_account(const Flow &flow, store::Connection row,
                                            const OAuthProfile &profile, const Grant &grant) {
    row.flow_allows_other_account =
        flow.connection.flow_allows_other_account;  // and not that of a later flow
    return check_same_account(row, profile, grant.change.account_subject.value_or(""), grant.kept);
}

Result<CallbackService::Grant> CallbackService::exchange(const Flow &flow, OAuthClient &client,
                                                         const std::string &code) {
    Result<FlowSecrets> secrets = open_code_verifier(vault_, flow.connection).map(unpack_flow_secrets);
    Result<void> ready = secrets ? use_dpop_key(client, secrets->dpop_key) : fail(secrets.error());
    if (!ready) {
        return fail(ready.error());
    }
    auto start = std::chrono::steady_clock::now();
    const UnixMs asked_at = clock_();
    TokenResponse response = endpoint_.exchange_code(client, code, secrets->code_verifier,
                                                     redirect_uri_of(config_, flow.provider, client.profile));
    bool ok = response.outcome == TokenOutcome::kTokens;
    if (metrics_ != nullptr) {
        double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        metrics_->token_exchange(ok ? "success" : "error", seconds);
    }
    if (!ok) {
        return fail(Errc::kProviderError, "the code exchange failed: " + response.reason);
    }
    return grant_of(flow, client, code, std::move(response), asked_at);
}

// code  "" = there was none (device flow)
Result<CallbackService::Grant> CallbackService::grant_of(const Flow &flow, const OAuthClient &client,
                                                         std::string_view code, TokenResponse response,
                                                         UnixMs asked_at) {
    Secret id_token = std::move(response.id_token);
    Grant grant;
    grant.kept = std::move(response.kept);
    grant.variables = std::move(response.variables);
    grant.credentials = credentials_from(response, Secret{});
    grant.credentials.dpop_key = client.dpop_key.clone();
    grant.change.expires_at = expires_at_from(response, asked_at);
    grant.change.refreshable = client.can_renew(grant.credentials.refresh_token);
    if (response.scope) {
        grant.change.scopes = split_scopes(*response.scope);
    } else if (!flow.connection.flow_scopes.empty()) {
        grant.change.scopes = flow.connection.flow_scopes;  // RFC 6749 section 5.1: as asked for
    }
    if (Result<void> checked = check_identity(flow, client, code, std::move(id_token), grant); !checked) {
        return fail(checked.error());
    }
    return grant;
}

// For the metadata: fields of the callback, then of the token answer. Variables: all that were used.
void CallbackService::keep_fields(const OAuthClient &client, const CallbackInput &input, Grant &grant) {
    NamedTexts kept =
        kept_callback_fields(client.profile, [&](const std::string &name) { return input.parameter(name); });
    kept.insert(kept.end(), grant.kept.begin(), grant.kept.end());
    grant.kept = std::move(kept);
    Variables variables = client.variables;
    variables.erase("client_id");
    for (const auto &[name, value] : grant.variables) {
        variables[name] = value;
    }
    grant.change.variables = to_json_text(variables);
}

// With a pinned issuer, a flow that asked for `openid` must bring a good id_token. Without one, an id_token
// cannot be verified and is not kept.
Result<void> CallbackService::check_identity(const Flow &flow, const OAuthClient &client,
                                             std::string_view code, Secret id_token, Grant &grant) {
    bool has_nonce = !flow.connection.nonce.empty();  // none can be sent with a device authorization
    bool asked = has_nonce || (client.profile.grant == OAuthProfile::Grant::kDeviceCode &&
                               contains_openid(flow.connection.flow_scopes));
    if (!client.verifies_id_tokens(config_.oidc_mode) || (id_token.empty() && !asked)) {
        return {};
    }
    if (metrics_ != nullptr && !id_token.empty()) {
        metrics_->id_token_returned();
    }
    IdTokenExpectation expected = client.expected_id_token();
    expected.nonce = has_nonce ? std::optional{flow.connection.nonce} : std::nullopt;
    expected.code = code;
    if (const Secret *access_token = grant.credentials.find("access_token")) {
        expected.access_token = access_token->view();
    }
    Result<IdClaims> claims =
        id_tokens_.verify(id_token.view(), client.source, std::move(expected), flow.connection.id);
    if (!claims) {
        return fail(claims.error());
    }
    grant.change.account_subject = claims->subject;
    grant.identity = std::move(claims->identity);
    grant.credentials.usage.emplace_back("id_token", std::move(id_token));
    return {};
}

// Onto the row as it is by now: of a connection that works meanwhile a refresh may have come between, or a
// later flow, which said whose it is.
Result<void> CallbackService::store_grant(const Caller &caller, const Flow &flow, const OAuthProfile &profile,
                                          const Grant &grant) {
    Result<store::Connection> row = store::while_it_moves([&] {
        return database_.transact([&](store::Transaction &sql) -> Result<store::Connection> {
            Result<store::Connection> newest = store::connections::get(sql, flow.connection.id);
            Result<void> allowed = newest ? check_account(flow, *newest, profile, grant).and_then([&] {
                return store_identity(sql, flow.connection.id, grant.identity, clock_());
            })
                                          : fail(newest.error());
            if (!allowed) {
                return fail(allowed.error());
            }
            store::ConnectionChange change = grant.change;
            change.metadata = merged_json(newest->metadata, grant.kept);
            if (flow.connection.flow_allows_other_account) {
                disown(change, profile.account_field, grant.kept);
            }
            return activate(sql, vault_, *newest, grant.credentials, std::move(change),
                            caller.event(audit::kOauthFlowCompleted), clock_());
        });
    });
    if (!row) {
        return fail(row.error());
    }
    announce_active(drainer_, *row);
    return {};
}

}  // namespace nexus::control
