// The URL a person is sent to: see authorization_url.h.
#include "control_plane/oauth/authorization_url.h"

#include <algorithm>
#include <array>

#include "control_plane/oauth/client.h"
#include "control_plane/oauth/url_template.h"
#include "shared/encoding/percent.h"

namespace nexus::control {

namespace {

// Only what would end the value or leave the query is encoded.
std::string raw_value(std::string_view text) {
    std::string out;
    for (const char c : text) {
        bool kept =
            c > 0x20 && c < 0x7f && std::string_view{"&#+%\"<>\\^`{|}"}.find(c) == std::string_view::npos;
        out.append(kept ? std::string(1, c) : encoding::percent_encode({&c, 1}));
    }
    return out;
}

bool lists(const std::vector<std::string> &names, std::string_view name) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string &entry) { return entry == "*" || entry == name; });
}

// Renamed, and without what is dropped.
QueryParams renamed(const QueryParams &params, const AuthorizationRequest &request) {
    QueryParams out;
    for (const auto &[name, value] : params) {
        auto found = std::find_if(request.rename.begin(), request.rename.end(),
                                  [&, &wanted = name](const auto &entry) { return entry.first == wanted; });
        const std::string &sent = found == request.rename.end() ? name : found->second;
        if (!sent.empty() && !(request.skip_empty && value.empty())) {
            out.emplace_back(sent, value);
        }
    }
    return out;
}

std::string query_of(const QueryParams &params, const std::vector<std::string> &raw) {
    std::string out;
    for (const auto &[name, value] : params) {
        out.append(out.empty() ? "" : "&")
            .append(encoding::percent_encode(name))
            .append("=")
            .append(lists(raw, name) ? raw_value(value) : encoding::percent_encode(value));
    }
    return out;
}

// What the profile asks for must be possible, and what the provider insists on must not be turned off.
Result<void> check_pushed_requests(const OAuthClient &client) {
    if (client.profile.par == PushedRequests::kOff && client.par_required) {
        return fail(Errc::kProviderError, "the profile turns PAR off, but the provider requires it");
    }
    if (client.pushes_requests() && client.par_endpoint.empty()) {
        return fail(Errc::kProviderError,
                    "PAR is wanted, but no pushed_authorization_request_endpoint is known");
    }
    return {};
}

}  // namespace

Result<AuthorizationRequest> authorization_request(const OAuthClient &client) {
    if (client.authorization_endpoint.empty()) {
        return fail(Errc::kInvalidRequest, "the authorization URL needs variables that are not known",
                    "variables");
    }
    if (Result<void> checked = check_pushed_requests(client); !checked) {
        return fail(checked.error());
    }
    AuthorizationRequest request;
    request.endpoint = client.authorization_endpoint;
    request.client_id = client.client_id;
    request.scope_separator = client.profile.scope_separator;
    request.rename = client.profile.authorization_rename;
    request.raw = client.profile.authorization_raw;
    request.skip_empty = client.profile.authorization_skip_empty;
    request.fragment = client.profile.authorization_fragment;
    request.resources = client.profile.resources;
    for (const auto &[name, value] : client.profile.authorization_params) {
        Result<std::string> filled = fill_text(value, client.variables);
        if (!filled) {
            return fail(filled.error());
        }
        request.extras.emplace_back(name, std::move(*filled));
    }
    return request;
}

QueryParams authorization_params(const AuthorizationRequest &request) {
    QueryParams params;
    for (const auto &[name, value] : request.extras) {
        if (!is_protocol_parameter(name)) {
            params.emplace_back(name, value);
        }
    }
    params.emplace_back("response_type", "code");
    params.emplace_back("client_id", request.client_id);
    params.emplace_back("redirect_uri", request.redirect_uri);
    if (request.send_scope && !request.scopes.empty()) {
        params.emplace_back("scope", join_scopes(request.scopes, request.scope_separator));
    }
    params.emplace_back("state", request.state);
    if (!request.code_challenge.empty()) {
        params.emplace_back("code_challenge", request.code_challenge);
        params.emplace_back("code_challenge_method", "S256");
    }
    if (!request.nonce.empty()) {
        params.emplace_back("nonce", request.nonce);
    }
    for (const std::string &resource : request.resources) {
        params.emplace_back("resource", resource);
    }
    return renamed(params, request);
}

std::string pushed_authorization_url(const AuthorizationRequest &request, std::string_view request_uri) {
    return with_query(request.endpoint,
                      {{"client_id", request.client_id}, {"request_uri", std::string{request_uri}}});
}

std::string authorization_url(const AuthorizationRequest &request) {
    const QueryParams params = authorization_params(request);
    if (!request.fragment.empty()) {
        return request.endpoint + "#" + request.fragment + "?" + query_of(params, request.raw);
    }
    if (request.raw.empty()) {
        return with_query(request.endpoint, params);
    }
    // Names that the endpoint's own query has are replaced as ever; the values follow as they are wanted.
    std::string url = with_query(request.endpoint, params);
    url.resize(url.size() - query_of(params, {}).size());
    return url + query_of(params, request.raw);
}

bool is_protocol_parameter(std::string_view name) noexcept {
    constexpr std::array<std::string_view, 13> kOwned{"response_type",
                                                      "client_id",
                                                      "client_secret",
                                                      "redirect_uri",
                                                      "scope",
                                                      "state",
                                                      "nonce",
                                                      "code",
                                                      "error",
                                                      "code_challenge",
                                                      "code_challenge_method",
                                                      "request",
                                                      "request_uri"};
    return std::find(kOwned.begin(), kOwned.end(), name) != kOwned.end();
}

bool is_scope_token(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 256 && std::all_of(text.begin(), text.end(), [](char c) {
        return c > 0x20 && c < 0x7f && c != '"' && c != '\\';
    });
}

bool contains_openid(const std::vector<std::string> &scopes) noexcept {
    return std::find(scopes.begin(), scopes.end(), "openid") != scopes.end();
}

std::string join_scopes(const std::vector<std::string> &scopes, std::string_view separator) {
    std::string out;
    for (const std::string &scope : scopes) {
        out.append(out.empty() ? "" : separator).append(scope);
    }
    return out;
}

std::vector<std::string> split_scopes(std::string_view text, std::string_view separator) {
    const std::string at = std::string{separator} + " ";
    std::vector<std::string> out;
    while (!text.empty()) {
        size_t end = std::min(text.find_first_of(at), text.size());
        if (end > 0) {
            out.emplace_back(text.substr(0, end));
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

}  // namespace nexus::control
