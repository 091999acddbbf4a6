// Talks to token and revocation endpoints: see token_endpoint.h.
#include "control_plane/oauth/token_endpoint.h"

#include "control_plane/oauth/authorization_url.h"
#include "control_plane/oauth/token_request.h"
#include "shared/http1/syntax.h"

namespace nexus::control {

namespace {

constexpr std::chrono::milliseconds kRevocationTimeout{3000};

// The request could not be made, or nobody answered it.
TokenResponse no_answer(const Error &error) {
    switch (error.errc) {
        case Errc::kInvalidKey:
        case Errc::kCryptoFailure:
            return no_token_request("invalid_client_key");
        case Errc::kMissingFields:
        case Errc::kInvalidRequest:
            return no_token_request("missing_variable");
        default:
            return no_token_response(error);
    }
}

// A server that does not know DPoP ignores the proof and gives a token that anybody can use (RFC 9449 section
// 5): not what was asked for. And what is bound to no key of ours is of no use.
TokenResponse bound_as_asked(const OAuthClient &client, TokenResponse response) {
    if (response.outcome != TokenOutcome::kTokens) {
        return response;
    }
    const bool is_bound = http1::equal_ignoring_case(response.token_type, "DPoP");
    if (is_bound == client.dpop_key.empty()) {
        return no_token_request(is_bound ? "dpop_not_asked_for" : "dpop_not_bound");
    }
    if (is_bound) {
        response.token_type = "DPoP";
    }
    return response;
}

}  // namespace

TokenResponse TokenEndpoint::exchange_code(const OAuthClient &client, std::string_view code,
                                           const Secret &code_verifier, std::string_view redirect_uri) const {
    std::vector<FormField> fields;
    fields.push_back(form_field("grant_type", "authorization_code"));
    fields.push_back(form_field("code", code));
    fields.push_back(form_field("redirect_uri", redirect_uri));
    if (client.profile.pkce) {
        fields.push_back(FormField{"code_verifier", code_verifier.clone()});
    }
    return first_grant(client,
                       ask(client, client.token_endpoint, std::move(fields), client.profile.token_params));
}

TokenResponse TokenEndpoint::client_credentials(const OAuthClient &client,
                                                const std::vector<std::string> &scopes) const {
    std::vector<FormField> fields;
    fields.push_back(form_field("grant_type", "client_credentials"));
    if (!scopes.empty()) {
        fields.push_back(form_field("scope", join_scopes(scopes, client.profile.scope_separator)));
    }
    return first_grant(client,
                       ask(client, client.token_endpoint, std::move(fields), client.profile.token_params));
}

TokenResponse TokenEndpoint::exchange_token(const OAuthClient &client, const SubjectToken &subject,
                                            const std::vector<std::string> &scopes) const {
    std::vector<FormField> fields;
    fields.push_back(form_field("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"));
    fields.push_back(FormField{"subject_token", subject.token.clone()});
    fields.push_back(form_field("subject_token_type", subject.type));
    if (!scopes.empty()) {
        fields.push_back(form_field("scope", join_scopes(scopes, client.profile.scope_separator)));
    }
    return first_grant(client,
                       ask(client, client.token_endpoint, std::move(fields), client.profile.token_params));
}

TokenResponse TokenEndpoint::refresh(const OAuthClient &client, const Secret &refresh_token) const {
    const bool by_access_token = client.profile.refresh_with_access_token;
    std::vector<FormField> fields;
    fields.push_back(form_field("grant_type", "refresh_token"));
    fields.push_back(FormField{by_access_token ? "access_token" : "refresh_token", refresh_token.clone()});
    const std::string &url =
        client.profile.refresh_url.empty() ? client.token_endpoint : client.refresh_endpoint;
    TokenResponse response = ask(client, url, std::move(fields), client.profile.refresh_params);
    const bool chained = client.profile.chain && client.profile.chain->on_refresh;
    return finish(client, chained ? follow_chain(client, std::move(response)) : std::move(response));
}

// The variables that only the answer can give must be in the first one; a refresh that lacks them keeps the
// old.
TokenResponse TokenEndpoint::first_grant(const OAuthClient &client, TokenResponse response) const {
    if (client.profile.chain) {
        response = follow_chain(client, std::move(response));
    }
    if (response.outcome != TokenOutcome::kTokens) {
        return response;
    }
    for (const OAuthVariable &variable : client.profile.variables) {
        if (variable.from != OAuthVariable::From::kResponse || response.variables.contains(variable.name)) {
            continue;
        }
        if (!variable.default_value) {
            return no_token_request("missing_variable");
        }
        response.variables[variable.name] = *variable.default_value;
    }
    return finish(client, std::move(response));
}

TokenResponse TokenEndpoint::finish(const OAuthClient &client, TokenResponse response) const {
    if (response.outcome == TokenOutcome::kTokens && client.profile.refresh_with_access_token) {
        response.refresh_token = response.access_token.clone();
    }
    return response;
}

// What the second answer does not say stays as the first one said it.
TokenResponse TokenEndpoint::follow_chain(const OAuthClient &client, TokenResponse first) const {
    if (first.outcome != TokenOutcome::kTokens) {
        return first;
    }
    const TokenChain &chain = *client.profile.chain;
    const auto make = [&] { return chain_request(client, chain, first.access_token, first.refresh_token); };
    TokenResponse second = send(client, make, chain.response);
    if (second.outcome != TokenOutcome::kTokens) {
        return second;
    }
    if (second.refresh_token.empty()) {
        second.refresh_token = std::move(first.refresh_token);
    }
    if (second.id_token.empty()) {
        second.id_token = std::move(first.id_token);
    }
    if (!second.scope) {
        second.scope = std::move(first.scope);
    }
    second.kept.insert(second.kept.begin(), first.kept.begin(), first.kept.end());
    second.variables.merge(first.variables);
    return second;
}

TokenResponse TokenEndpoint::ask(const OAuthClient &client, const std::string &url,
                                 std::vector<FormField> fields, const NamedTexts &constants) const {
    if (url.empty()) {
        return no_token_request("missing_variable");
    }
    for (const std::string &resource : client.profile.resources) {
        fields.push_back(form_field("resource", resource));
    }
    const auto make = [&] { return token_request(client, url, clone_fields(fields), constants, clock_()); };
    return send(client, make, client.profile.response);
}

TokenResponse TokenEndpoint::send(const OAuthClient &client, const ClientFetch::Make &make,
                                  const ResponsePaths &paths) const {
    Result<HttpResponse> response = fetch_.send(client, make);
    if (!response) {
        return no_answer(response.error());
    }
    return bound_as_asked(client,
                          parse_token_response(response->status, response->body.view(),
                                               response->retry_after_s(clock_()), client.profile, paths));
}

Result<void> TokenEndpoint::revoke(const OAuthClient &client, const Secret &token,
                                   std::string_view hint) const {
    if (client.revocation_endpoint.empty()) {
        return fail(Errc::kNotFound, "the provider has no revocation endpoint");
    }
    std::vector<FormField> fields;
    fields.push_back(FormField{"token", token.clone()});
    fields.push_back(form_field("token_type_hint", hint));
    const auto make = [&] {
        return token_request(client, client.revocation_endpoint, clone_fields(fields), {}, clock_())
            .map([](HttpRequest request) {
                request.total_timeout = kRevocationTimeout;  // somebody waits for the end of a connection
                return request;
            });
    };
    Result<HttpResponse> response = fetch_.send(client, make);
    if (!response) {
        return fail(response.error());
    }
    if (response->status >= 200 && response->status <= 299) {
        return {};
    }
    std::string sentence =
        "the provider answered the revocation with status " + std::to_string(response->status);
    bool later = response->status == 429 || response->status == 408 || response->status >= 500;
    return fail(Error{later ? Errc::kProviderUnavailable : Errc::kProviderError,
                      std::move(sentence),
                      {},
                      response->retry_after_s(clock_())});
}

}  // namespace nexus::control
