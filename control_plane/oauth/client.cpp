// Our registration at a provider: see client.h.
#include "control_plane/oauth/client.h"

#include "control_plane/oauth/dpop.h"

namespace nexus::control {

namespace {

// A variable that is not known yet is no error: who needs the URL finds it empty.
Result<std::string> fill_or_empty(const std::string &url, const Variables &variables, std::string_view what) {
    Result<std::string> filled = fill_url(url, variables, what);
    if (!filled && filled.error().errc == Errc::kMissingFields) {
        return std::string{};
    }
    return filled;
}

// What the profile names itself, without looking at any document.
Result<void> fill_endpoints(const store::Provider &provider, OAuthClient &client) {
    struct Endpoint {
        std::string_view from;
        std::string &into;
        std::string_view what;
    };
    const Endpoint endpoints[] = {
        {provider.auth_url, client.authorization_endpoint, "auth_url"},
        {provider.token_url, client.token_endpoint, "token_url"},
        {provider.issuer, client.issuer, "issuer"},
        {provider.user_info_endpoint, client.userinfo_endpoint, "user_info_endpoint"},
        {client.profile.refresh_url, client.refresh_endpoint, "refresh_url"},
        {client.profile.revocation_url, client.revocation_endpoint, "revocation_url"},
        {client.oidc.well_known_url, client.source.well_known_url, "well_known_url"},
        {client.oidc.override_of("jwks_uri"), client.source.jwks_uri, "jwks_uri"},
    };
    for (const Endpoint &endpoint : endpoints) {
        Result<std::string> filled =
            fill_or_empty(std::string{endpoint.from}, client.variables, endpoint.what);
        if (!filled) {
            return fail(filled.error());
        }
        endpoint.into = std::move(*filled);
    }
    client.source.issuer = client.issuer;
    client.source.provider = client.provider;
    client.source.jwks_ttl_s = client.oidc.jwks_ttl_s;
    client.source.jwks_cooldown_s = client.oidc.jwks_cooldown_s;
    return {};
}

Result<void> apply_overrides(OAuthClient &client) {
    struct Override {
        std::string_view name;
        std::string &into;
    };
    const Override overrides[] = {
        {"authorization_endpoint", client.authorization_endpoint},
        {"token_endpoint", client.token_endpoint},
        {"userinfo_endpoint", client.userinfo_endpoint},
        {"revocation_endpoint", client.revocation_endpoint},
        {"pushed_authorization_request_endpoint", client.par_endpoint},
        {"device_authorization_endpoint", client.device_endpoint},
    };
    for (const Override &wanted : overrides) {
        const std::string_view url = client.oidc.override_of(wanted.name);
        if (url.empty()) {
            continue;
        }
        Result<std::string> filled = fill_or_empty(std::string{url}, client.variables, wanted.name);
        if (!filled) {
            return fail(filled.error());
        }
        wanted.into = std::move(*filled);
    }
    return {};
}

// What the profile says itself stands (nobody wrote it to be overridden by a document), unless it prefers the
// document; what it leaves out is the document's.
void use_document(const store::Provider &provider, const IssuerMetadata &known, OAuthClient &client) {
    const bool is_preferred = client.oidc.discovery_mode == DiscoveryMode::kPreferDiscovery;
    const auto take = [&](const std::string &own, const std::string &found, std::string &into) {
        if (own.empty() || (is_preferred && !found.empty())) {
            into = found;
        }
    };
    const auto for_us = [&](const std::string &usual, const std::string &alias) {
        return is_mutual_tls(client.auth) && !alias.empty() ? alias : usual;
    };
    if (!client.oidc.is_forced_static()) {
        take(provider.auth_url, known.authorization_endpoint, client.authorization_endpoint);
        take(provider.token_url, for_us(known.token_endpoint, known.mtls.token_endpoint),
             client.token_endpoint);
        take(provider.user_info_endpoint, known.userinfo_endpoint, client.userinfo_endpoint);
        take(client.profile.revocation_url, for_us(known.revocation_endpoint, known.mtls.revocation_endpoint),
             client.revocation_endpoint);
        client.par_endpoint = for_us(known.pushed_authorization_request_endpoint,
                                     known.mtls.pushed_authorization_request_endpoint);
        client.device_endpoint =
            for_us(known.device_authorization_endpoint, known.mtls.device_authorization_endpoint);
    }
    client.par_required = known.requires_par;
    client.iss_in_response = known.iss_in_response;
}

Result<void> check_pkce(const IssuerMetadata &known, const OAuthClient &client) {
    if (client.profile.grant == OAuthProfile::Grant::kAuthorizationCode && client.profile.pkce &&
        known.pkce == PkceSupport::kNotS256) {
        return fail(Errc::kProviderError,
                    "the provider's metadata lists PKCE methods, and S256 is not among them");
    }
    if (!client.profile.pkce && known.pkce == PkceSupport::kS256) {
        return fail(Errc::kProviderError, "the profile turns PKCE off, but the provider supports S256");
    }
    return {};
}

// No document, and none kept: the profile's own endpoints will do if it has them all.
bool can_do_without(const OAuthClient &client) {
    return !client.token_endpoint.empty() &&
           (client.profile.grant != OAuthProfile::Grant::kAuthorizationCode ||
            !client.authorization_endpoint.empty());
}

Result<void> discover(const store::Provider &provider, Discovery &discovery, OAuthClient &client) {
    if (client.issuer.empty()) {
        return fail(Errc::kProviderError, "the issuer is not known without the connection's variables");
    }
    Result<std::shared_ptr<const IssuerMetadata>> metadata = discovery.metadata(client.source);
    if (metadata) {
        use_document(provider, **metadata, client);
        return check_pkce(**metadata, client);
    }
    const Errc errc = metadata.error().errc;
    const bool is_away = errc == Errc::kProviderUnavailable || errc == Errc::kProviderSilent;
    return is_away && can_do_without(client) ? Result<void>{} : fail(metadata.error());
}

}  // namespace

IdTokenExpectation OAuthClient::expected_id_token() const {
    IdTokenExpectation expected;
    expected.issuer = issuer;
    expected.client_id = client_id;
    expected.algorithms = oidc.accepted_algorithms;
    expected.clock_skew_s = oidc.clock_skew_s;
    return expected;
}

Place client_secret_place(const store::Provider &provider) {
    return {"provider_profiles", provider.id, "client_secret", provider.client_secret_version};
}

Result<OAuthClient> resolve_client(const store::Provider &provider, const Vault &vault, Discovery &discovery,
                                   const Variables &variables) {
    OAuthClient client;
    client.provider = provider.name;
    client.client_id = provider.client_id;
    client.auth = parse_client_auth(provider.auth_header).value_or(ClientAuth::kSecretPost);
    client.variables = variables;
    client.variables["client_id"] = provider.client_id;
    Result<OAuthProfile> profile = stored_oauth_profile(provider.oauth);
    if (!profile) {
        return fail(Errc::kMalformedRecord, "the stored profile is unreadable: " + profile.error().message);
    }
    client.profile = std::move(*profile);
    Result<OidcSettings> oidc = stored_oidc_settings(provider.oidc);
    if (!oidc) {
        return fail(oidc.error());
    }
    client.oidc = std::move(*oidc);
    if (Result<void> filled = fill_endpoints(provider, client); !filled) {
        return fail(filled.error());
    }
    if (provider.enable_discovery) {
        if (Result<void> found = discover(provider, discovery, client); !found) {
            return fail(found.error());
        }
    }
    if (Result<void> applied = apply_overrides(client); !applied) {
        return fail(applied.error());
    }
    if (client.auth != ClientAuth::kNone) {
        Result<Secret> secret = vault.open(client_secret_place(provider), provider.client_secret_box);
        if (!secret) {
            return fail(secret.error());
        }
        client.client_secret = std::move(*secret);
    }
    return client;
}

Result<void> use_dpop_key(OAuthClient &client, const Secret &of_connection) {
    if (!client.profile.dpop) {
        return {};
    }
    if (!of_connection.empty()) {
        client.dpop_key = of_connection.clone();
        return {};
    }
    return new_dpop_key().map([&](Secret key) { client.dpop_key = std::move(key); });
}

std::string api_base_url_of(const store::Provider &provider, const Variables &variables) {
    return fill_url(provider.api_base_url, variables, "api_base_url").value_or("");
}

}  // namespace nexus::control
