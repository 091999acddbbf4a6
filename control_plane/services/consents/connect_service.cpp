// The person's side of a flow: see connect_service.h.
#include "control_plane/services/consents/connect_service.h"

#include <algorithm>

#include "control_plane/oauth/authorization_url.h"
#include "control_plane/oauth/code_verifier_box.h"
#include "control_plane/oauth/pkce.h"
#include "control_plane/oauth/variables.h"
#include "control_plane/services/consents/redirect_uri.h"
#include "control_plane/services/providers/provider_profile.h"

namespace nexus::control {

namespace {

std::vector<std::pair<std::string, std::string>> problems_with(const CredentialSchema &schema,
                                                               const TypedFields &typed) {
    std::vector<std::pair<std::string, std::string>> out;
    for (const CredentialField &field : schema.fields) {
        auto found = std::find_if(typed.begin(), typed.end(),
                                  [&](const auto &entry) { return entry.first == field.name; });
        std::string_view value = found == typed.end() ? std::string_view{} : found->second.view();
        if (std::optional<std::string> problem = problem_with(field, value)) {
            out.emplace_back(field.name, std::move(*problem));
        }
    }
    return out;
}

bool has_grant(const store::Provider &provider, OAuthProfile::Grant grant) {
    Result<OAuthProfile> profile = stored_oauth_profile(provider.oauth);
    return provider.auth_type == "oauth2" && profile && profile->grant == grant;
}

bool is_machine(const store::Provider &provider) {
    return has_grant(provider, OAuthProfile::Grant::kClientCredentials) ||
           has_grant(provider, OAuthProfile::Grant::kTokenExchange);
}

}  // namespace

tl::unexpected<Error> another_browser() {
    return fail(Errc::kInvalidState, "this link was opened in another browser", "browser");
}

Result<Visit> ConnectService::open(const Caller &person, const std::string &ticket,
                                   std::string_view cookie_header) {
    if (Result<StateClaims> claims = verify_ticket(signer_, ticket, clock_())) {
        return open_flow(person, std::move(*claims), cookie_header);
    }
    return consents_.provider_of_link(ticket).map([](const std::string &provider) {
        Visit visit;
        visit.kind = Visit::Kind::kInvitation;
        visit.provider = provider;
        return visit;
    });
}

Result<std::string> ConnectService::accept(const Caller &person, const std::string &ticket) {
    return consents_.reconnect_by_link(person, ticket).map([](const Consent &consent) {
        return consent.auth_url;
    });
}

// A connection without a person was done when it was asked for; whoever opens its link all the same goes on.
Result<Visit> ConnectService::done(const StateClaims &claims, const Error &otherwise) {
    Result<store::Connection> connection = store::connections::get(database_, claims.connection_id);
    Result<store::Provider> provider =
        connection ? store::providers::get(database_, connection->provider_id) : fail(connection.error());
    if (!provider || connection->state != connection::State::kActive || !is_machine(*provider)) {
        return fail(otherwise);
    }
    Visit visit;
    visit.kind = Visit::Kind::kDone;
    visit.end = FlowEnd{connection->id,
                        {},
                        provider->name,
                        {},
                        success_url(*connection, provider->name, config_.allowed_return_domains)};
    return visit;
}

Result<Visit> ConnectService::open_flow(const Caller &person, StateClaims claims,
                                        std::string_view cookie_header) {
    UnixMs now = clock_();
    Result<store::Connection> connection =
        store::connections::peek_flow(database_, claims.connection_id, claims.jti, now);
    if (!connection) {
        return connection.error().errc == Errc::kInvalidState ? done(claims, connection.error())
                                                              : fail(connection.error());
    }
    Result<store::Provider> provider = store::providers::get(database_, connection->provider_id);
    if (!provider) {
        return fail(provider.error());
    }
    Visit visit;
    visit.cookie = flow_cookie(cookie_header, claims.jti, config_.is_https());
    visit.cookie_max_age_s = (connection->flow_expires_at - now + 999) / 1000;
    claims.browser = browser_claim(visit.cookie.secret);
    visit.state = signer_.sign(claims);
    visit.ends_on_http = connection->return_url.starts_with("http:");
    if (is_static_auth_type(provider->auth_type)) {
        visit.kind = Visit::Kind::kForm;
        visit.form = capture_form(*provider);
        return visit;
    }
    if (has_grant(*provider, OAuthProfile::Grant::kDeviceCode)) {
        return open_device(person, *connection, *provider, std::move(visit));
    }
    Result<std::string> url = authorization(*provider, *connection, visit.state);
    if (!url) {
        return fail(url.error());
    }
    visit.location = std::move(*url);
    return visit;
}

Result<Visit> ConnectService::open_device(const Caller &person, const store::Connection &connection,
                                          const store::Provider &provider, Visit visit) {
    Result<std::optional<FlowEnd>> end = callbacks_.ask_device(person, connection, provider);
    if (!end) {
        return fail(end.error());
    }
    if (*end) {
        visit.kind = Visit::Kind::kDone;
        visit.end = std::move(**end);
        return visit;
    }
    Result<Secret> box = open_code_verifier(vault_, connection);
    Result<DeviceAuthorization> device = box ? parse_device_authorization(box->view()) : fail(box.error());
    if (!device) {
        return fail(device.error());
    }
    visit.kind = Visit::Kind::kDevice;
    visit.provider = provider.name;
    visit.device = std::move(*device);
    visit.device.expires_in_s = visit.cookie_max_age_s;
    return visit;
}

Result<std::string> ConnectService::authorization(const store::Provider &provider,
                                                  const store::Connection &connection,
                                                  const std::string &state) {
    Result<OAuthClient> client =
        parse_variables(connection.flow_variables).and_then([&](const Variables &variables) {
            return resolve_client(provider, vault_, discovery_, variables);
        });
    Result<AuthorizationRequest> request = client ? authorization_request(*client) : fail(client.error());
    if (!request) {
        return fail(request.error());
    }
    Result<FlowSecrets> secrets = open_code_verifier(vault_, connection).map(unpack_flow_secrets);
    if (!secrets) {
        return fail(secrets.error());
    }
    Result<std::string> challenge = pkce_s256_challenge(secrets->code_verifier.view());
    if (!challenge) {
        return fail(challenge.error());
    }
    request->redirect_uri = redirect_uri_of(config_, provider, client->profile);
    request->scopes = connection.flow_scopes;
    request->send_scope = !skips_scope_on_auth(provider);
    request->state = state;
    request->code_challenge = client->profile.pkce ? std::move(*challenge) : "";
    request->nonce = connection.nonce;
    QueryParams extras = authorization_extras(provider);
    request->extras.insert(request->extras.begin(), extras.begin(), extras.end());
    if (!client->pushes_requests()) {
        return authorization_url(*request);
    }
    if (Result<void> keyed = use_dpop_key(*client, secrets->dpop_key); !keyed) {
        return fail(keyed.error());
    }
    return endpoint_.push_authorization(*client, authorization_params(*request))
        .map([&](const std::string &request_uri) { return pushed_authorization_url(*request, request_uri); });
}

Result<Submission> ConnectService::submit(const Caller &caller, const std::string &ticket,
                                          const std::string &state, std::string_view cookie_header,
                                          const TypedFields &typed) {
    Result<StateClaims> link = verify_ticket(signer_, ticket, clock_());
    if (!link) {
        return fail(link.error());
    }
    Result<StateClaims> bound = signer_.verify(state, clock_());
    if (!bound || bound->jti != link->jti ||
        !is_from_its_browser(*bound, cookie_header, config_.is_https())) {
        return another_browser();
    }
    Result<Visit> visit = open(caller, ticket, cookie_header);
    if (!visit || visit->kind != Visit::Kind::kForm) {
        return visit ? fail(Errc::kInvalidState, "this flow takes no credentials") : fail(visit.error());
    }
    Submission out;
    out.problems = problems_with(visit->form.fields, typed);
    if (!out.problems.empty()) {
        out.again = std::move(*visit);
        return out;
    }
    json::Value credentials = json::Value::object();
    for (const auto &[name, value] : typed) {
        credentials.set(name, value);
    }
    Result<Captured> captured = captures_.capture(caller, ticket, credentials);
    if (!captured) {
        return fail(captured.error());
    }
    out.done = std::move(*captured);
    return out;
}

}  // namespace nexus::control
