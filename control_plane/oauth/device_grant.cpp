// The device grant (RFC 8628): begun here, and asked for until the person has agreed elsewhere. When to ask
// again is services/consents/device_flow.cpp's business.
#include "control_plane/oauth/authorization_url.h"
#include "control_plane/oauth/token_endpoint.h"
#include "control_plane/oauth/token_request.h"

namespace nexus::control {

namespace {

std::vector<FormField> fields_of(const OAuthClient &client, const std::vector<std::string> &scopes) {
    std::vector<FormField> fields;
    if (client.auth == ClientAuth::kSecretBasic || client.auth == ClientAuth::kSecretAsUser) {
        fields.push_back(form_field("client_id", client.client_id));
    }
    if (!scopes.empty()) {
        fields.push_back(form_field("scope", join_scopes(scopes, client.profile.scope_separator)));
    }
    for (const std::string &resource : client.profile.resources) {
        fields.push_back(form_field("resource", resource));
    }
    return fields;
}

}  // namespace

Result<DeviceAuthorization> TokenEndpoint::authorize_device(const OAuthClient &client,
                                                            const std::vector<std::string> &scopes) const {
    if (client.device_endpoint.empty()) {
        return fail(Errc::kProviderError, "no device_authorization_endpoint of the provider is known");
    }
    const auto make = [&] {
        return endpoint_request(client, client.device_endpoint, fields_of(client, scopes), clock_());
    };
    Result<HttpResponse> response = fetch_.send(client, make);
    if (!response) {
        return fail(response.error());
    }
    if (response->status == 200) {
        return parse_device_authorization(response->body.view());
    }
    const TokenResponse answer =
        parse_token_response(response->status, response->body.view(), response->retry_after_s(clock_()));
    const bool passing = is_passing(answer.outcome);
    return fail(Error{passing ? Errc::kProviderUnavailable : Errc::kProviderError,
                      "the provider gave no device code: " + answer.reason, answer.reason,
                      answer.retry_after_s});
}

TokenResponse TokenEndpoint::poll_device(const OAuthClient &client, const Secret &device_code) const {
    std::vector<FormField> fields;
    fields.push_back(form_field("grant_type", "urn:ietf:params:oauth:grant-type:device_code"));
    fields.push_back(FormField{"device_code", device_code.clone()});
    return ask(client, std::move(fields));
}

}  // namespace nexus::control
