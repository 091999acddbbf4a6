// Binds a flow to a browser: see browser_binding.h.
#include "control_plane/oauth/browser_binding.h"

#include <vector>

#include "shared/crypto/digest.h"
#include "shared/crypto/random.h"
#include "shared/encoding/base64.h"

namespace nexus::control {

namespace {

constexpr size_t kSecretBytes = 32;
constexpr size_t kMaxCookies = 200;

bool is_browser_secret(std::string_view text) {
    Result<std::string> bytes = encoding::base64url_decode(text);
    return bytes && bytes->size() == kSecretBytes;
}

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) {
        text.remove_prefix(1);
    }
    while (text.ends_with(' ')) {
        text.remove_suffix(1);
    }
    return text;
}

// Every value of that name: a browser may send several (RFC 6265 section 5.4), and none is better.
std::vector<std::string_view> values_of(std::string_view cookie_header, std::string_view name) {
    std::vector<std::string_view> out;
    for (size_t i = 0; i < kMaxCookies && !cookie_header.empty(); ++i) {
        size_t end = std::min(cookie_header.find(';'), cookie_header.size());
        std::string_view pair = trimmed(cookie_header.substr(0, end));
        cookie_header.remove_prefix(std::min(end + 1, cookie_header.size()));
        size_t equals = pair.find('=');
        if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
            out.push_back(pair.substr(equals + 1));
        }
    }
    return out;
}

}  // namespace

std::string FlowCookie::header(bool secure, int64_t max_age_s) const {
    return name + "=" + (max_age_s > 0 ? secret : "") + "; Path=/; Max-Age=" + std::to_string(max_age_s) +
           "; HttpOnly; SameSite=Lax" + (secure ? "; Secure" : "");
}

std::string flow_cookie_name(std::string_view flow_id, bool secure) {
    return std::string{secure ? "__Host-" : ""} + "nexus_flow_" + std::string{flow_id.substr(0, 8)};
}

FlowCookie flow_cookie(std::string_view cookie_header, std::string_view flow_id, bool secure) {
    FlowCookie cookie{flow_cookie_name(flow_id, secure), {}};
    for (std::string_view value : values_of(cookie_header, cookie.name)) {
        if (is_browser_secret(value)) {
            cookie.secret = value;
            return cookie;
        }
    }
    cookie.secret = encoding::base64url_encode(crypto::random_bytes(kSecretBytes));
    return cookie;
}

std::string browser_claim(std::string_view secret) {
    return encoding::base64url_encode(crypto::as_view(crypto::sha256(secret)));
}

bool is_from_its_browser(const StateClaims &claims, std::string_view cookie_header, bool secure) {
    bool found = false;
    for (std::string_view value : values_of(cookie_header, flow_cookie_name(claims.jti, secure))) {
        found = constant_time_equal(browser_claim(value), claims.browser) || found;
    }
    return found && !claims.browser.empty();
}

}  // namespace nexus::control
