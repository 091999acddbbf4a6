// Where a browser may be sent back to: see return_url.h.
#include "control_plane/oauth/return_url.h"

#include <algorithm>

#include "control_plane/config/urls.h"
#include "control_plane/url/url.h"
#include "shared/net/host_rule.h"

namespace nexus::control {

namespace {

// RFC 6761 section 6.3: the names below localhost are this machine too.
bool is_loopback(std::string_view host) {
    return is_loopback_host(host) || host.ends_with(".localhost");
}

bool covers(const ReturnRule &rule, const Url &url) {
    if (!net::host_rule_matches(rule.host, url.host, url.port)) {
        return false;
    }
    if (rule.scheme.empty()) {
        return url.scheme == "https" || is_loopback(url.host);
    }
    const bool is_port_named = rule.port != 0;  // and compared above
    const uint16_t usual_port = url.scheme == "https" ? 443 : 80;
    return url.scheme == rule.scheme && (is_port_named || url.port == usual_port);
}

}  // namespace

Result<void> check_return_url(std::string_view url, const HostRules &allowed) {
    Result<Url> parsed = parse_http_url(url, "return_url");
    if (!parsed) {
        return fail(parsed.error());
    }
    const bool is_covered = std::any_of(allowed.begin(), allowed.end(), [&](const std::string &text) {
        const Result<ReturnRule> rule = parse_return_rule(text);
        return rule && covers(*rule, *parsed);
    });
    if (is_covered) {
        return {};
    }
    const bool is_plain = parsed->scheme != "https" && !is_loopback(parsed->host);
    return fail(Errc::kReturnUrlNotAllowed,
                is_plain ? "return_url must use https" : "return_url is not among ALLOWED_RETURN_DOMAINS",
                "return_url");
}

}  // namespace nexus::control
