// Finishes an OAuth flow: see callback_service.h. The exchange and what it yields are flow_grant.cpp's,
// device flows device_flow.cpp's.
#include "control_plane/services/consents/callback_service.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "control_plane/log/log.h"
#include "control_plane/oauth/browser_binding.h"
#include "control_plane/oauth/variables.h"
#include "control_plane/services/connections/account_check.h"
#include "control_plane/services/consents/connect_service.h"
#include "control_plane/services/consents/redirect_uri.h"
#include "control_plane/store/audit_repository.h"
#include "control_plane/store/moving_row.h"
#include "control_plane/store/transition.h"

namespace nexus::control {

namespace {

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
    const auto is_it = [&](const auto &parameter) { return parameter.first == name; };
    const auto found = std::ranges::find_if(parameters, is_it);
    if (found == parameters.end() || std::any_of(std::next(found), parameters.end(), is_it)) {
        return std::nullopt;
    }
    return found->second;
}

CallbackService::CallbackService(store::Database &database, const Vault &vault, Discovery &discovery,
                                 UserInfo userinfo, ClientFetch fetch, const StateSigner &signer,
                                 TokenEndpoint endpoint, OutboxDrainer &drainer, const Config &config,
                                 Clock clock, Metrics *metrics)
    : database_(database),
      vault_(vault),
      discovery_(discovery),
      id_tokens_(discovery, clock, metrics),
      userinfo_(std::move(userinfo)),
      fetch_(std::move(fetch)),
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
    if (claims->provider_id != flow.provider.id) {  // a state is good for the provider that it was sent to
        return fail_flow(caller, flow, audit::kOauthError, "invalid_issuer", "state_provider");
    }
    Result<OAuthClient> client = client_of(flow, input);
    std::string_view foreign = client ? issuer_problem(*client, input.iss) : "";
    if (client && input.redirect_segment != redirect_segment(flow.provider, client->profile)) {
        foreign = "redirect_mismatch";
    }
    if (!foreign.empty()) {
        return fail_flow(caller, flow, audit::kOauthError, "invalid_issuer", foreign);
    }
    if (input.error) {  // after its issuer: errors have one, too (section 2.4)
        return fail_flow(caller, flow, audit::kOauthError, known_error(*input.error));
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

// A first try that failed leaves `failed`; a connection that works (or once did) stays as it is, and so does
// one that waits for a later flow.
FlowEnd CallbackService::fail_flow(const Caller &caller, const Flow &flow, std::string_view audit_type,
                                   std::string_view error, std::string_view reason) {
    const store::Connection &connection = flow.connection;
    log::warn("flow_ended_with_error",
              {{"connection_id", connection.id}, {"error", error}, {"reason", reason}});
    audit::Event event = caller.event(audit_type);
    event.data = failure_data(error, reason);
    event.connection_id = connection.id;
    event.workspace_id = connection.workspace_id;
    event.provider_id = connection.provider_id;
    const Result<void> recorded = store::while_it_moves([&] {
        return database_.transact([&](store::Transaction &sql) -> Result<void> {
            const Result<store::Connection> newest = store::connections::get(sql, connection.id);
            if (!newest && newest.error().errc != Errc::kConnectionNotFound) {
                return fail(newest.error());
            }
            if (!newest || newest->state != connection::State::kPending || !newest->flow_id.empty()) {
                return store::audit_log::append(sql, event, clock_());
            }
            store::ConnectionChange change;
            change.state = connection::State::kFailed;
            change.attention_reason = std::string{error};
            return store::change_connection(sql, newest->id, newest->generation, change, event, clock_())
                .map([](const store::Connection &) {});
        });
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
