// The URL a person is sent to: see authorization_url.h.
#include "control_plane/oauth/authorization_url.h"

#include <algorithm>
#include <array>

namespace nexus::control {

std::string authorization_url(const AuthorizationRequest &request) {
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
        params.emplace_back("scope", join_scopes(request.scopes));
    }
    params.emplace_back("state", request.state);
    params.emplace_back("code_challenge", request.code_challenge);
    params.emplace_back("code_challenge_method", "S256");
    if (!request.nonce.empty()) {
        params.emplace_back("nonce", request.nonce);
    }
    return with_query(request.endpoint, params);
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

std::string join_scopes(const std::vector<std::string> &scopes) {
    std::string out;
    for (const std::string &scope : scopes) {
        out.append(out.empty() ? "" : " ").append(scope);
    }
    return out;
}

std::vector<std::string> split_scopes(std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
        size_t end = std::min(text.find(' '), text.size());
        if (end > 0) {
            out.emplace_back(text.substr(0, end));
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

}  // namespace nexus::control
