// Pushed authorization requests (RFC 9126): the request goes to the provider from here, authenticated, and
// the browser carries a reference to it. The provider's text goes no further than this file.
#include <algorithm>

#include "control_plane/json/json.h"
#include "control_plane/oauth/token_endpoint.h"
#include "control_plane/oauth/token_request.h"

namespace nexus::control {

namespace {

constexpr size_t kMaxRequestUriBytes = 1024;

bool is_request_uri(std::string_view text) {
    return !text.empty() && text.size() <= kMaxRequestUriBytes &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// One client_id, whether the client authenticates with it or not.
std::vector<FormField> fields_of(const OAuthClient &client, const QueryParams &params) {
    const bool in_form = client.auth != ClientAuth::kSecretBasic && client.auth != ClientAuth::kSecretAsUser;
    std::vector<FormField> fields;
    for (const auto &[name, value] : params) {
        if (name != "client_id" || !in_form) {
            fields.push_back(form_field(name, value));
        }
    }
    return fields;
}

tl::unexpected<Error> refused(const TokenResponse &answer) {
    const bool passing = is_passing(answer.outcome);
    return fail(Error{passing ? Errc::kProviderUnavailable : Errc::kProviderError,
                      "the provider did not take the pushed authorization request: " + answer.reason,
                      answer.reason, answer.retry_after_s});
}

}  // namespace

Result<std::string> TokenEndpoint::push_authorization(const OAuthClient &client,
                                                      const QueryParams &params) const {
    const auto make = [&] {
        return endpoint_request(client, client.par_endpoint, fields_of(client, params), clock_());
    };
    Result<HttpResponse> response = fetch_.send(client, make);
    if (!response) {
        return fail(response.error());
    }
    if (response->status != 201 && response->status != 200) {
        // Errors are those of a token endpoint (RFC 9126 section 2.3).
        return refused(
            parse_token_response(response->status, response->body.view(), response->retry_after_s(clock_())));
    }
    Result<json::Value> object = json::parse_object(response->body.view());
    std::string request_uri{object ? object->get("request_uri").as_string() : std::string_view{}};
    if (!is_request_uri(request_uri)) {
        return refused(no_token_request("malformed_answer"));
    }
    return request_uri;
}

}  // namespace nexus::control
