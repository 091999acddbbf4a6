// Who a person is at the provider: see identity_claims.h.
#include "control_plane/oidc/identity_claims.h"

#include <algorithm>

namespace nexus::control {

namespace {

bool is_control(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

// Valid UTF-8 by JSON's parser.
std::optional<std::string> text_claim(const json::Value &claims, std::string_view name, size_t max_bytes) {
    const json::Value claim = claims.get(name);
    const std::string_view text = claim.as_string();
    if (text.empty() || text.size() > max_bytes || std::any_of(text.begin(), text.end(), is_control)) {
        return std::nullopt;
    }
    return std::string{text};
}

std::optional<bool> truth_claim(const json::Value &claims, std::string_view name) {
    const json::Value claim = claims.get(name);
    if (claim.is_boolean()) {
        return claim.as_boolean();
    }
    const std::string_view text = claim.as_string();
    return text == "true" || text == "false" ? std::optional{text == "true"} : std::nullopt;
}

// Applications show it: no javascript: or data: gets that far.
std::optional<std::string> url_claim(const json::Value &claims, std::string_view name) {
    std::optional<std::string> url = text_claim(claims, name, kMaxPictureBytes);
    const bool is_web = url && (url->starts_with("https://") || url->starts_with("http://")) &&
                        url->find_first_of(" \"<>\\") == std::string::npos;
    return is_web ? std::move(url) : std::nullopt;
}

}  // namespace

bool is_subject(std::string_view text) noexcept {
    return !text.empty() && text.size() <= kMaxSubjectBytes &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

IdentityClaims identity_claims_from(const json::Value &claims) {
    IdentityClaims out;
    const json::Value sub = claims.get("sub");
    if (is_subject(sub.as_string())) {
        out.sub = sub.as_string();
    }
    out.email = text_claim(claims, "email", kMaxEmailBytes);
    out.email_verified = truth_claim(claims, "email_verified");
    out.name = text_claim(claims, "name", kMaxNameBytes);
    out.given_name = text_claim(claims, "given_name", kMaxNameBytes);
    out.family_name = text_claim(claims, "family_name", kMaxNameBytes);
    out.picture = url_claim(claims, "picture");
    out.locale = text_claim(claims, "locale", kMaxLocaleBytes);
    out.hd = text_claim(claims, "hd", kMaxTenantBytes);
    out.tenant = text_claim(claims, "tid", kMaxTenantBytes);
    return out;
}

json::Value to_json(const IdentityClaims &claims) {
    json::Value out = json::Value::object();
    const auto set = [&](std::string_view name, const std::optional<std::string> &text) {
        if (text) {
            out.set(name, *text);
        }
    };
    if (!claims.sub.empty()) {
        out.set("sub", claims.sub);
    }
    set("email", claims.email);
    if (claims.email_verified) {
        out.set("email_verified", *claims.email_verified);
    }
    set("name", claims.name);
    set("given_name", claims.given_name);
    set("family_name", claims.family_name);
    set("picture", claims.picture);
    set("locale", claims.locale);
    set("hd", claims.hd);
    set("tenant", claims.tenant);
    return out;
}

}  // namespace nexus::control
