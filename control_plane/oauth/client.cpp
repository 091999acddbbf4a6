// Our registration at a provider: see client.h.
#include "control_plane/oauth/client.h"

namespace nexus::control {

namespace {

ClientAuth client_auth(const store::Provider &provider) {
    if (provider.auth_header == "client_secret_basic") {
        return ClientAuth::kSecretBasic;
    }
    return provider.auth_header == "none" ? ClientAuth::kNone : ClientAuth::kSecretPost;
}

}  // namespace

Place client_secret_place(const store::Provider &provider) {
    return {"provider_profiles", provider.id, "client_secret", provider.client_secret_version};
}

Result<OAuthClient> resolve_client(const store::Provider &provider, const Vault &vault,
                                   Discovery &discovery) {
    OAuthClient client;
    client.client_id = provider.client_id;
    client.auth = client_auth(provider);
    client.authorization_endpoint = provider.auth_url;
    client.token_endpoint = provider.token_url;
    client.issuer = provider.issuer;
    if (provider.enable_discovery) {
        Result<std::shared_ptr<const IssuerMetadata>> metadata = discovery.metadata(provider.issuer);
        if (!metadata) {
            return fail(metadata.error());
        }
        if (client.authorization_endpoint.empty()) {
            client.authorization_endpoint = (*metadata)->authorization_endpoint;
        }
        if (client.token_endpoint.empty()) {
            client.token_endpoint = (*metadata)->token_endpoint;
        }
        client.iss_in_response = (*metadata)->iss_in_response;
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

}  // namespace nexus::control
