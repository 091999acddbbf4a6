// Resource indicators, pushed requests, DPoP as a profile asks for them: see profile_extensions.h.
#include "control_plane/oauth/profile_extensions.h"

#include <algorithm>

#include "control_plane/oauth/profile_reader.h"

namespace nexus::control {

namespace {

using Grant = OAuthProfile::Grant;

constexpr size_t kMaxResources = 8;

// RFC 3986 section 4.3, RFC 8707 section 2: a scheme, something behind it, no fragment.
bool is_absolute_uri(std::string_view text) {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    constexpr std::string_view kScheme = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
    const size_t colon = text.find_first_not_of(kScheme);
    return colon != std::string_view::npos && colon > 0 && text[colon] == ':' && colon + 1 < text.size() &&
           kLetters.find(text.front()) != std::string_view::npos &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return c > 0x20 && c < 0x7f &&
                      std::string_view{"#\"<>\\^`{|}"}.find(c) == std::string_view::npos;
           });
}

bool sets(const NamedTexts &params, std::string_view name) {
    return std::any_of(params.begin(), params.end(), [&](const auto &entry) { return entry.first == name; });
}

void read_resources(json::ObjectReader &reader, OAuthProfile &out) {
    out.resources = reader.strings_or_empty("resource", kMaxResources, 1024);
    if (out.resources.empty()) {
        return;
    }
    if (!std::all_of(out.resources.begin(), out.resources.end(), is_absolute_uri)) {
        reader.refuse("resource", "must hold absolute URIs without a fragment (RFC 8707)");
    }
    if (sets(out.authorization_params, "resource") || sets(out.token_params, "resource") ||
        sets(out.refresh_params, "resource")) {
        reader.refuse("resource", "must not be there beside a parameter of the same name");
    }
    if (out.resources.size() > 1 && out.token_body == TokenBody::kJson) {
        reader.refuse("resource", "must be one URI with token_body json");
    }
}

}  // namespace

void read_extensions(json::ObjectReader &reader, OAuthProfile &out) {
    read_resources(reader, out);
    out.own_redirect_uri =
        read_choice<bool>(reader, "redirect_uri", {{"shared", false}, {"own", true}}, false);
    out.par = read_choice<PushedRequests>(
        reader, "par",
        {{"auto", PushedRequests::kAuto}, {"on", PushedRequests::kOn}, {"off", PushedRequests::kOff}},
        PushedRequests::kAuto);
    if (out.par == PushedRequests::kOn && out.grant != Grant::kAuthorizationCode) {
        reader.refuse("par", "is for grant authorization_code only");
    }
    if (out.par == PushedRequests::kOn && !out.authorization_fragment.empty()) {
        reader.refuse("par", "must not be on with authorization_encoding.fragment");
    }
    out.dpop = reader.boolean_or("dpop", false);
    if (out.dpop && out.chain) {
        reader.refuse("dpop", "must not be there beside chain: its answer is bound to no key");
    }
}

}  // namespace nexus::control
