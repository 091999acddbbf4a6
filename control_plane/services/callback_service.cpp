// Finishes an OAuth flow: see callback_service.h.
#include "control_plane/services/callback_service.h"

#include <algorithm>
#include <array>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/oauth/authorization_url.h"
#include "control_plane/oauth/browser_binding.h"
#include "control_plane/oauth/code_verifier_box.h"
#include "control_plane/oauth/variables.h"
#include "control_plane/services/account_check.h"
#include "control_plane/services/account_identity.h"
#include "control_plane/services/activation.h"
#include "control_plane/services/connect_service.h"
#include "control_plane/store/audit_repository.h"
#include "control_plane/store/transition.h"

namespace nexus::control {

namespace {

constexpr int kStoreAttempts = 5;

// Error codes of RFC 6749 section 4.1.2.1 and OpenID Connect Core section 3.1.2.6 go on to return_url;
// anything else that a provider (or whoever sent the browser) says becomes "oauth_error".
std::string known_error(std::string_view code) {
    constexpr std::array<std::string_view, 11> kCodes{
        "access_denied",  "invalid_request",  "unauthorized_client",       "unsupported_response_type",
        "invalid_scope",  "server_error",     "temporarily_unavailable",   "interaction_required",
        "login_required", "consent_required", "account_selection_required"};
    bool known = std::find(kCodes.begin(), kCodes.end(), code) != kCodes.end();
    return std::string{known ? code : "oauth_error"};
}

bool has_code(const OAuthProfile &profile, const CallbackInput &input) {
    std::optional<std::string> code = input.parameter(profile.code_param);
    return code && !code->empty() && code->size() <= 4096;
}

// Of an audit event.
std::string failure_data(std::string_view error, std::string_view reason) {
    json::Value data = json::Value::object();
    data.set("error", error);
    if (!reason.empty()) {
        data.set("reason", reason);
    }
    return data.dump_text();
}

// RFC 9207: an answer of another issuer must not see our code exchange (mix-up attack). "" = it is of ours,
// or there is no telling.
std::string_view issuer_problem(const OAuthClient &client, const std::optional<std::string> &iss) {
    if (!iss) {
        return client.iss_in_response ? "iss_missing" : "";
    }
    return client.issuer.empty() || *iss == client.issuer ? "" : "iss_mismatch";
}

}  // namespace

std::optional<std::string> CallbackInput::parameter(const std::string &name) const {
    std::optional<std::string> found;
    for (const auto &[given, value] : parameters) {
        if (given == name) {
            if (found) {
                return std::nullopt;
            }
            found = value;
        }
    }
    return found;
}

CallbackService::CallbackService(store::Database &database, const Vault &vault, Discovery &discovery,
                                 UserInfo userinfo, const StateSigner &signer, TokenEndpoint endpoint,
                                 OutboxDrainer &drainer, const Config &config, Clock clock, Metrics *metrics)
    : database_(database),
      vault_(vault),
      discovery_(discovery),
      id_tokens_(discovery, clock, metrics),
      userinfo_(std::move(userinfo)),
      signer_(signer),
      endpoint_(std::move(endpoint)),
      drainer_(drainer),
      config_(config),
      clock_(std::move(clock)),
      metrics_(metrics) {}

// Before the flow is touched: what a stranger sends must not end it.
Result<StateClaims> CallbackService::admit(const CallbackInput &input) {
    Result<StateClaims> claims = signer_.verify(input.state, clock_());
    if (!claims) {
        log::warn("state_refused");  // not audited: anyone can send us rubbish, rows are for what was ours
        return claims;
    }
    if (!is_from_its_browser(*claims, input.cookie_header, config_.is_https())) {
        log::warn("flow_of_another_browser", {{"connection_id", claims->connection_id}});
        return another_browser();
    }
    return claims;
}

Result<FlowEnd> CallbackService::finish(const Caller &caller, const CallbackInput &input) {
    Result<StateClaims> claims = admit(input);
    if (!claims) {
        return fail(claims.error());
    }
    // Used up before anything else happens: a second callback with this state gets nothing, not even an
    // exchange.
    Flow flow;
    Result<store::Connection> taken = database_.transact([&](store::Transaction &sql) {
        return store::connections::take_flow(sql, claims->connection_id, claims->jti, clock_());
    });
    if (!taken) {
        log::warn("flow_refused", {{"connection_id", claims->connection_id}});
        return fail(taken.error());
    }
    flow.connection = std::move(*taken);
    Result<store::Provider> provider = store::providers::get(database_, flow.connection.provider_id);
    if (!provider || provider->auth_type != "oauth2") {
        bool gone = provider || provider.error().errc == Errc::kProviderNotFound;
        return gone ? fail_flow(caller, flow, audit::kProviderNotFound, "provider_not_found")
                    : fail_flow(caller, flow, audit::kOauthError, "server_error");
    }
    flow.provider = std::move(*provider);
    if (input.error) {
        return fail_flow(caller, flow, audit::kOauthError, known_error(*input.error));
    }
    Result<OAuthClient> client = client_of(flow, input);
    std::string_view foreign = client ? issuer_problem(*client, input.iss) : "";
    if (!foreign.empty()) {
        return fail_flow(caller, flow, audit::kOauthError, "invalid_issuer", foreign);
    }
    if (client && !has_code(client->profile, input)) {
        return fail_flow(caller, flow, audit::kOauthError, "missing_params");
    }
    Result<void> done = client ? exchange_and_store(caller, flow, *client, input) : fail(client.error());
    return done ? succeeded(flow) : fail_with(caller, flow, done.error());
}

FlowEnd CallbackService::succeeded(const Flow &flow) const {
    return FlowEnd{flow.connection.id,
                   flow.connection.flow_id,
                   flow.provider.name,
                   {},
                   success_url(flow.connection, flow.provider.name, config_.allowed_return_domains)};
}

// What came after the person had agreed went wrong.
FlowEnd CallbackService::fail_with(const Caller &caller, const Flow &flow, const Error &error) {
    if (is_other_account(error)) {
        return fail_flow(caller, flow, audit::kOauthError, "other_account");
    }
    log::warn("flow_failed", {{"connection_id", flow.connection.id}, {"reason", error.message}});
    return error.errc == Errc::kInvalidIdToken
               ? fail_flow(caller, flow, audit::kIdTokenVerificationFailed, "invalid_id_token",
                           refusal_code(error))
               : fail_flow(caller, flow, audit::kTokenExchangeFailed, "token_exchange_failed");
}

// The variables of the flow, and those that the provider sends along with the code.
Result<OAuthClient> CallbackService::client_of(const Flow &flow, const CallbackInput &input) {
    Result<OAuthProfile> profile = stored_oauth_profile(flow.provider.oauth);
    Result<Variables> variables =
        profile ? parse_variables(flow.connection.flow_variables) : fail(profile.error());
    if (!variables) {
        return fail(variables.error());
    }
    Result<void> added = add_callback_variables(
        *profile, [&](const std::string &name) { return input.parameter(name); }, *variables);
    if (!added) {
        return fail(added.error());
    }
    return resolve_client(flow.provider, vault_, discovery_, *variables);
}

Result<void> CallbackService::exchange_and_store(const Caller &caller, const Flow &flow, OAuthClient &client,
                                                 const CallbackInput &input) {
    Result<Grant> grant = exchange(flow, client, *input.parameter(client.profile.code_param));
    return grant ? store_if_same_account(caller, flow, client, input, std::move(*grant))
                 : fail(grant.error());
}

Result<void> CallbackService::store_if_same_account(const Caller &caller, const Flow &flow,
                                                    const OAuthClient &client, const CallbackInput &input,
                                                    Grant grant) {
    keep_fields(flow, client, input, grant);
    Result<void> account = check_same_account(flow.connection, client.profile,
                                              grant.change.account_subject.value_or(""), grant.kept);
    if (!account) {
        return account;
    }
    if (grant.identity) {
        grant.identity = with_userinfo(userinfo_, client, grant.credentials, std::move(*grant.identity),
                                       flow.connection.id);
    }
    return store_grant(caller, flow, grant);
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
    TokenResponse response =
        endpoint_.exchange_code(client, code, secrets->code_verifier, config_.redirect_uri());
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

// Metadata: fields of the callback, then of the token answer. Variables: all that were used.
void CallbackService::keep_fields(const Flow &flow, const OAuthClient &client, const CallbackInput &input,
                                  Grant &grant) {
    NamedTexts kept =
        kept_callback_fields(client.profile, [&](const std::string &name) { return input.parameter(name); });
    kept.insert(kept.end(), grant.kept.begin(), grant.kept.end());
    if (!kept.empty()) {
        grant.change.metadata = merged_json(flow.connection.metadata, kept);
    }
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

// Onto the row as it is by now: of a connection that works meanwhile a refresh may have come between.
Result<void> CallbackService::store_grant(const Caller &caller, const Flow &flow, const Grant &grant) {
    for (int attempt = 1;; ++attempt) {
        Result<store::Connection> row =
            database_.transact([&](store::Transaction &sql) -> Result<store::Connection> {
                Result<store::Connection> newest = store::connections::get(sql, flow.connection.id);
                Result<void> known = newest
                                         ? store_identity(sql, flow.connection.id, grant.identity, clock_())
                                         : fail(newest.error());
                return known ? activate(sql, vault_, *newest, grant.credentials, grant.change,
                                        caller.event(audit::kOauthFlowCompleted), clock_())
                             : fail(known.error());
            });
        bool moved = !row && row.error().errc == Errc::kConflict && attempt < kStoreAttempts;
        if (moved) {
            continue;
        }
        if (!row) {
            return fail(row.error());
        }
        announce_active(drainer_, *row);
        return {};
    }
}

// A first try that failed leaves `failed`; a connection that works (or once did) stays as it is.
FlowEnd CallbackService::fail_flow(const Caller &caller, const Flow &flow, std::string_view audit_type,
                                   std::string_view error, std::string_view reason) {
    const store::Connection &connection = flow.connection;
    log::warn("flow_ended_with_error",
              {{"connection_id", connection.id}, {"error", error}, {"reason", reason}});
    bool first_try = connection.state == connection::State::kPending;
    Result<void> recorded = database_.transact([&](store::Transaction &sql) -> Result<void> {
        audit::Event event = caller.event(audit_type);
        event.data = failure_data(error, reason);
        if (first_try) {
            store::ConnectionChange change;
            change.state = connection::State::kFailed;
            change.attention_reason = std::string{error};
            return store::change_connection(sql, connection.id, connection.generation, change, event,
                                            clock_())
                .map([](const store::Connection &) {});
        }
        event.connection_id = connection.id;
        event.workspace_id = connection.workspace_id;
        event.provider_id = connection.provider_id;
        return store::audit_log::append(sql, event, clock_());
    });
    if (!recorded) {
        log::error("flow_end_not_recorded",
                   {{"connection_id", connection.id}, {"reason", recorded.error().message}});
    }
    drainer_.notify();
    return FlowEnd{connection.id, connection.flow_id, flow.provider.name, std::string{error},
                   error_url(connection, error, config_.allowed_return_domains)};
}

}  // namespace nexus::control
