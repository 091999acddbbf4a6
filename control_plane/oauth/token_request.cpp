// One request to a token endpoint: see token_request.h.
#include "control_plane/oauth/token_request.h"

#include <algorithm>

#include "control_plane/json/json.h"
#include "control_plane/oauth/client_assertion.h"
#include "shared/crypto/random.h"
#include "shared/http1/syntax.h"

namespace nexus::control {

namespace {

Result<Secret> assertion(const OAuthClient &client, UnixMs now) {
    const OAuthProfile &profile = client.profile;
    AssertionClaims claims;
    claims.client_id = client.client_id;
    bool token_endpoint = profile.assertion_audience == "token_endpoint" ||
                          (profile.assertion_audience.empty() && client.issuer.empty());
    bool issuer = profile.assertion_audience.empty() || profile.assertion_audience == "issuer";
    claims.audience = token_endpoint ? client.token_endpoint
                      : issuer       ? client.issuer
                                     : profile.assertion_audience;
    claims.jti = crypto::random_uuid();
    claims.now = now;
    return client_assertion(client.client_secret.view(), profile.assertion_alg, profile.assertion_kid,
                            claims);
}

// Exactly one way of client authentication (RFC 6749 section 2.3). For Basic, id and secret are form-encoded
// first.
Result<void> authenticate(const OAuthClient &client, HttpRequest &request, std::vector<FormField> &fields,
                          UnixMs now) {
    std::string encoded;
    switch (client.auth) {
        case ClientAuth::kSecretBasic:
            encoded = form_encode(client.client_secret.view());
            request.basic_auth =
                HttpRequest::Basic{form_encode(client.client_id), Secret{std::move(encoded)}};
            return {};
        case ClientAuth::kSecretAsUser:
            request.basic_auth = HttpRequest::Basic{form_encode(client.client_secret.view()), Secret{}};
            return {};
        case ClientAuth::kTlsClientAuth:
        case ClientAuth::kSelfSignedTls:
            request.client_certificate = client.client_secret.clone();
            fields.push_back(form_field("client_id", client.client_id));
            return {};
        case ClientAuth::kNone:
            fields.push_back(form_field("client_id", client.client_id));
            return {};
        case ClientAuth::kSecretPost:
            fields.push_back(form_field("client_id", client.client_id));
            fields.push_back(FormField{"client_secret", client.client_secret.clone()});
            return {};
        case ClientAuth::kPrivateKeyJwt:
            break;
    }
    Result<Secret> signed_text = assertion(client, now);
    if (!signed_text) {
        return fail(signed_text.error());
    }
    fields.push_back(form_field("client_id", client.client_id));
    fields.push_back(form_field("client_assertion_type", kAssertionType));
    fields.push_back(FormField{"client_assertion", std::move(*signed_text)});
    return {};
}

Result<void> add_constants(const NamedTexts &constants, const Variables &variables,
                           std::vector<FormField> &fields) {
    for (const auto &[name, value] : constants) {
        Result<std::string> filled = fill_text(value, variables);
        if (!filled) {
            return fail(filled.error());
        }
        fields.erase(
            std::remove_if(fields.begin(), fields.end(),
                           [&, &wanted = name](const FormField &field) { return field.name == wanted; }),
            fields.end());
        fields.push_back(form_field(name, *filled));
    }
    return {};
}

std::vector<FormField> renamed(std::vector<FormField> fields, const NamedTexts &renames) {
    std::vector<FormField> out;
    for (FormField &field : fields) {
        auto found = std::find_if(renames.begin(), renames.end(),
                                  [&](const auto &entry) { return entry.first == field.name; });
        if (found != renames.end()) {
            field.name = found->second;
        }
        if (!field.name.empty()) {
            out.push_back(std::move(field));
        }
    }
    return out;
}

Result<void> add_headers(const OAuthClient &client, HttpRequest &request) {
    request.headers = {{"Accept", "application/json"}};
    for (const auto &[name, value] : client.profile.token_headers) {
        Result<std::string> filled = fill_text(value, client.variables);
        if (!filled) {
            return fail(filled.error());
        }
        if (!http1::is_field_value(*filled)) {
            return fail(Errc::kInvalidRequest, "a header for the provider has control characters");
        }
        if (http1::equal_ignoring_case(name, "accept")) {
            request.headers.erase(request.headers.begin());  // ours
        }
        request.headers.emplace_back(name, std::move(*filled));
    }
    return {};
}

void put_into_query(const std::vector<FormField> &fields, HttpRequest &request) {
    request.method = "GET";
    for (const FormField &field : fields) {
        char joint = request.url.find('?') == std::string::npos ? '?' : '&';
        request.url.append(1, joint)
            .append(form_encode(field.name))
            .append("=")
            .append(form_encode(field.value.view()));
    }
}

void put_fields(TokenBody body, std::vector<FormField> fields, HttpRequest &request) {
    request.method = "POST";
    if (body == TokenBody::kForm) {
        request.form = std::move(fields);
        return;
    }
    if (body == TokenBody::kQuery) {
        return put_into_query(fields, request);
    }
    json::Value object = json::Value::object();
    for (const FormField &field : fields) {
        object.set(field.name, field.value);
    }
    request.body = object.dump();
    request.content_type = "application/json";
}

}  // namespace

std::vector<FormField> clone_fields(const std::vector<FormField> &fields) {
    std::vector<FormField> out;
    out.reserve(fields.size());
    for (const FormField &field : fields) {
        out.push_back(FormField{field.name, field.value.clone()});
    }
    return out;
}

Result<HttpRequest> endpoint_request(const OAuthClient &client, const std::string &url,
                                     std::vector<FormField> fields, UnixMs now) {
    HttpRequest request;
    request.provider = client.provider;
    request.url = url;
    if (Result<void> authenticated = authenticate(client, request, fields, now); !authenticated) {
        return fail(authenticated.error());
    }
    if (Result<void> headed = add_headers(client, request); !headed) {
        return fail(headed.error());
    }
    put_fields(TokenBody::kForm, std::move(fields), request);
    return request;
}

FormField form_field(std::string name, std::string_view value) {
    return FormField{std::move(name), Secret{value}};
}

Result<HttpRequest> token_request(const OAuthClient &client, const std::string &url,
                                  std::vector<FormField> fields, const NamedTexts &constants, UnixMs now) {
    HttpRequest request;
    request.provider = client.provider;
    request.url = url;
    if (Result<void> authenticated = authenticate(client, request, fields, now); !authenticated) {
        return fail(authenticated.error());
    }
    if (Result<void> added = add_constants(constants, client.variables, fields); !added) {
        return fail(added.error());
    }
    if (Result<void> headed = add_headers(client, request); !headed) {
        return fail(headed.error());
    }
    put_fields(client.profile.token_body, renamed(std::move(fields), client.profile.token_rename), request);
    return request;
}

Result<HttpRequest> chain_request(const OAuthClient &client, const TokenChain &chain,
                                  const Secret &access_token, const Secret &refresh_token) {
    HttpRequest request;
    request.provider = client.provider;
    Result<std::string> url = fill_url(chain.url, client.variables, "chain.url");
    if (!url) {
        return fail(url.error());
    }
    request.url = std::move(*url);
    if (Result<void> headed = add_headers(client, request); !headed) {
        return fail(headed.error());
    }
    Variables with_secrets = client.variables;
    with_secrets["access_token"] = std::string{access_token.view()};
    with_secrets["refresh_token"] = std::string{refresh_token.view()};
    with_secrets["client_secret"] = std::string{client.client_secret.view()};
    std::vector<FormField> fields;
    Result<void> added = add_constants(chain.params, with_secrets, fields);
    for (const char *name : {"access_token", "refresh_token", "client_secret"}) {
        wipe(with_secrets[name]);
    }
    if (!added) {
        return fail(added.error());
    }
    put_fields(chain.body, std::move(fields), request);
    return request;
}

}  // namespace nexus::control
