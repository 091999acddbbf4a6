// Talks to token and revocation endpoints: see token_endpoint.h.
#include "control_plane/oauth/token_endpoint.h"

#include "control_plane/oauth/authorization_url.h"
#include "control_plane/oauth/token_request.h"

namespace nexus::control {

namespace {

constexpr std::chrono::milliseconds kRevocationTimeout{3000};

// A client that outlives the exchange: its caller waits for the end.
std::shared_ptr<const OAuthClient> borrowed(const OAuthClient &client) {
    return std::shared_ptr<const OAuthClient>(std::shared_ptr<const OAuthClient>{}, &client);
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
    return ask(client, std::move(fields));
}

TokenResponse TokenEndpoint::client_credentials(const OAuthClient &client,
                                                const std::vector<std::string> &scopes) const {
    return fetch_.run(begin_client_credentials(borrowed(client), scopes));
}

TokenExchange TokenEndpoint::begin_client_credentials(std::shared_ptr<const OAuthClient> client,
                                                      const std::vector<std::string> &scopes) const {
    std::vector<FormField> fields;
    fields.push_back(form_field("grant_type", "client_credentials"));
    if (!scopes.empty()) {
        fields.push_back(form_field("scope", join_scopes(scopes, client->profile.scope_separator)));
    }
    return begin_first(std::move(client), std::move(fields));
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
    return ask(client, std::move(fields));
}

TokenResponse TokenEndpoint::refresh(const OAuthClient &client, const Secret &refresh_token) const {
    return fetch_.run(begin_refresh(borrowed(client), refresh_token));
}

TokenExchange TokenEndpoint::begin_refresh(std::shared_ptr<const OAuthClient> client,
                                           const Secret &refresh_token) const {
    const OAuthProfile &profile = client->profile;
    std::vector<FormField> fields;
    fields.push_back(form_field("grant_type", "refresh_token"));
    fields.push_back(FormField{profile.refresh_with_access_token ? "access_token" : "refresh_token",
                               refresh_token.clone()});
    std::string url = profile.refresh_url.empty() ? client->token_endpoint : client->refresh_endpoint;
    return TokenExchange(std::move(client), TokenExchange::Kind::kRefresh, std::move(url), std::move(fields),
                         fetch_.nonces(), clock_);
}

TokenResponse TokenEndpoint::ask(const OAuthClient &client, std::vector<FormField> fields) const {
    return fetch_.run(begin_first(borrowed(client), std::move(fields)));
}

TokenExchange TokenEndpoint::begin_first(std::shared_ptr<const OAuthClient> client,
                                         std::vector<FormField> fields) const {
    std::string url = client->token_endpoint;
    return TokenExchange(std::move(client), TokenExchange::Kind::kFirst, std::move(url), std::move(fields),
                         fetch_.nonces(), clock_);
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
