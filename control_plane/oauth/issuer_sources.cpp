// The issuers of living providers: see issuer_sources.h.
#include "control_plane/oauth/issuer_sources.h"

#include <optional>

#include "control_plane/store/provider_repository.h"

namespace nexus::control {

namespace {

constexpr int64_t kPage = 500;

bool is_template(std::string_view url) {
    return url.find('{') != std::string_view::npos;
}

std::optional<IssuerSource> source_of(const store::Provider &provider) {
    const Result<OidcSettings> settings = stored_oidc_settings(provider.oidc);
    if (!settings || provider.issuer.empty() ||
        (settings->mode == OidcMode::kOpaque && !provider.enable_discovery)) {
        return std::nullopt;
    }
    IssuerSource source;
    source.issuer = provider.issuer;
    source.well_known_url = settings->well_known_url;
    source.jwks_uri = settings->override_of("jwks_uri");
    source.provider = provider.name;
    source.jwks_ttl_s = settings->jwks_ttl_s;
    source.jwks_cooldown_s = settings->jwks_cooldown_s;
    if (is_template(source.issuer) || is_template(source.well_known_url) || is_template(source.jwks_uri)) {
        return std::nullopt;
    }
    return source;
}

}  // namespace

Result<std::vector<IssuerSource>> issuer_sources(store::Database &database) {
    std::vector<IssuerSource> sources;
    std::string cursor;
    do {
        Result<store::ProviderPage> page = store::providers::list(database, kPage, cursor);
        if (!page) {
            return fail(page.error());
        }
        for (const store::Provider &provider : page->items) {
            if (std::optional<IssuerSource> source = source_of(provider)) {
                sources.push_back(std::move(*source));
            }
        }
        cursor = page->next_cursor;
    } while (!cursor.empty());
    return sources;
}

}  // namespace nexus::control
