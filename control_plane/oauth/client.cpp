// Our registration at a provider: see client.h.
#include "control_plane/oauth/client.h"

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

Result<void> fill_endpoints(const store::Provider &provider, OAuthClient &client) {
    struct Endpoint {
        const std::string &from;
        std::string &into;
        std::string_view what;
    };
    const Endpoint endpoints[] = {
        {provider.auth_url, client.authorization_endpoint, "auth_url"},
        {provider.token_url, client.token_endpoint, "token_url"},
        {provider.issuer, client.issuer, "issuer"},
        {client.profile.refresh_url, client.refresh_endpoint, "refresh_url"},
        {client.profile.revocation_url, client.revocation_endpoint, "revocation_url"},
    };
    for (const Endpoint &endpoint : endpoints) {
        Result<std::string> filled = fill_or_empty(endpoint.from, client.variables, endpoint.what);
        if (!filled) {
            return fail(filled.error());
        }
        endpoint.into = std::move(*filled);
    }
    return {};
}

Result<void> discover(const store::Provider &provider, Discovery &discovery, OAuthClient &client) {
    if (client.issuer.empty()) {
        return fail(Errc::kProviderError, "the issuer is not known without the connection's variables");
    }
    Result<std::shared_ptr<const IssuerMetadata>> metadata = discovery.metadata(client.issuer);
    if (!metadata) {
        return fail(metadata.error());
    }
    const IssuerMetadata &known = **metadata;
    if (provider.auth_url.empty()) {
        client.authorization_endpoint = known.authorization_endpoint;
    }
    if (provider.token_url.empty()) {
        client.token_endpoint = known.token_endpoint;
    }
    if (client.profile.revocation_url.empty()) {
        client.revocation_endpoint = known.revocation_endpoint;
    }
    client.iss_in_response = known.iss_in_response;
    if (!client.is_client_credentials() && client.profile.pkce && known.pkce == PkceSupport::kNotS256) {
        return fail(Errc::kProviderError,
                    "the provider's metadata lists PKCE methods, and S256 is not among them");
    }
    if (!client.profile.pkce && known.pkce == PkceSupport::kS256) {
        return fail(Errc::kProviderError, "the profile turns PKCE off, but the provider supports S256");
    }
    return {};
}

}  // namespace

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
    if (Result<void> filled = fill_endpoints(provider, client); !filled) {
        return fail(filled.error());
    }
    if (provider.enable_discovery) {
        if (Result<void> found = discover(provider, discovery, client); !found) {
            return fail(found.error());
        }
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

std::string api_base_url_of(const store::Provider &provider, const Variables &variables) {
    return fill_url(provider.api_base_url, variables, "api_base_url").value_or("");
}

}  // namespace nexus::control
