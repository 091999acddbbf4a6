// Talks to a token endpoint: see token_endpoint.h.
#include "control_plane/oauth/token_endpoint.h"

namespace nexus::control {

namespace {

FormField field(std::string name, std::string_view value) {
    return FormField{std::move(name), Secret{value}};
}

// Exactly one way of client authentication (RFC 6749 section 2.3). For Basic, id and secret are form-encoded
// first.
void authenticate(const OAuthClient &client, HttpRequest &request, std::vector<FormField> &form) {
    if (client.auth == ClientAuth::kSecretBasic) {
        std::string encoded = form_encode(client.client_secret.view());
        request.basic_auth = HttpRequest::Basic{form_encode(client.client_id), Secret{std::move(encoded)}};
        return;
    }
    form.push_back(field("client_id", client.client_id));
    if (client.auth == ClientAuth::kSecretPost) {
        form.push_back(FormField{"client_secret", client.client_secret.clone()});
    }
}

}  // namespace

TokenResponse TokenEndpoint::exchange_code(const OAuthClient &client, std::string_view code,
                                           const Secret &code_verifier, std::string_view redirect_uri) const {
    std::vector<FormField> form;
    form.push_back(field("grant_type", "authorization_code"));
    form.push_back(field("code", code));
    form.push_back(field("redirect_uri", redirect_uri));
    form.push_back(FormField{"code_verifier", code_verifier.clone()});
    return post(client, std::move(form));
}

TokenResponse TokenEndpoint::refresh(const OAuthClient &client, const Secret &refresh_token) const {
    std::vector<FormField> form;
    form.push_back(field("grant_type", "refresh_token"));
    form.push_back(FormField{"refresh_token", refresh_token.clone()});
    return post(client, std::move(form));
}

TokenResponse TokenEndpoint::post(const OAuthClient &client, std::vector<FormField> form) const {
    HttpRequest request;
    request.method = "POST";
    request.url = client.token_endpoint;
    request.headers = {{"Accept", "application/json"}};
    authenticate(client, request, form);
    request.form = std::move(form);
    Result<HttpResponse> response = fetch_(request);
    if (!response) {
        return no_token_response(response.error());
    }
    return parse_token_response(response->status, response->body.view(), response->retry_after_s(clock_()));
}

}  // namespace nexus::control
