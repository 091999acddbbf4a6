// Where a browser may be sent back to: see return_url.h.
#include "control_plane/oauth/return_url.h"

#include <algorithm>

#include "control_plane/url/url.h"
#include "shared/net/host_rule.h"

namespace nexus::control {

namespace {

bool is_loopback_host(std::string_view host) {
    bool loopback_v4 =
        host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
    return host == "localhost" || host == "::1" || loopback_v4 || host.ends_with(".localhost");
}

}  // namespace

Result<void> check_return_url(std::string_view url, const HostRules &allowed) {
    Result<Url> parsed = parse_http_url(url, "return_url");
    if (!parsed) {
        return fail(parsed.error());
    }
    if (parsed->scheme != "https" && !is_loopback_host(parsed->host)) {
        return fail(Errc::kReturnUrlNotAllowed, "return_url must use https", "return_url");
    }
    bool covered = std::any_of(allowed.begin(), allowed.end(), [&](const std::string &rule) {
        return net::host_rule_matches(rule, parsed->host, parsed->port);
    });
    if (!covered) {
        return fail(Errc::kReturnUrlNotAllowed, "return_url is not among ALLOWED_RETURN_DOMAINS",
                    "return_url");
    }
    return {};
}

}  // namespace nexus::control
