// See provider_egress.h.
#include "control_plane/services/providers/provider_egress.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control_plane/json/json.h"
#include "control_plane/oauth/url_template.h"
#include "control_plane/oidc/settings.h"

namespace nexus::control {

namespace {

using NamedUrls = std::vector<std::pair<std::string, std::string>>;

/// Those that nexusd itself asks; "" = the profile has none.
NamedUrls asked_urls(const store::Provider &provider) {
    const Result<json::Value> oauth = json::parse_object(provider.oauth);
    const auto oauth_url = [&](std::string_view name) {
        return oauth ? std::string{oauth->get(name).as_string()} : std::string{};
    };
    NamedUrls asked{
        {"token_url", provider.token_url},
        {"issuer", provider.issuer},
        {"user_info_endpoint", provider.user_info_endpoint},
        {"oauth.refresh_url", oauth_url("refresh_url")},
        {"oauth.revocation_url", oauth_url("revocation_url")},
        {"oauth.chain.url", oauth ? std::string{oauth->get("chain").get("url").as_string()} : std::string{}},
    };
    if (const Result<OidcSettings> oidc = stored_oidc_settings(provider.oidc); oidc) {
        asked.emplace_back("well_known_url", oidc->well_known_url);
        for (const auto &[name, url] : oidc->endpoint_overrides) {
            if (name != "authorization_endpoint") {  // the browser's, not ours
                asked.emplace_back("endpoint_overrides." + name, url);
            }
        }
    }
    return asked;
}

}  // namespace

Result<void> check_provider_egress(const store::Provider &provider, const EgressGuard &guard) {
    for (const auto &[name, url] : asked_urls(provider)) {
        const std::string member = "profile." + name;
        if (url.empty() || is_template(url)) {
            continue;
        }
        if (const Result<Url> checked = guard.check_url(url, member); !checked) {
            return fail(Errc::kInvalidRequest, "member " + checked.error().message, member);
        }
    }
    return {};
}

bool sends_elsewhere(const store::Provider &stored, const store::Provider &next) {
    return asked_urls(stored) != asked_urls(next) || stored.api_base_url != next.api_base_url ||
           stored.allowed_hosts != next.allowed_hosts;
}

}  // namespace nexus::control
