// Our registration at a provider, ready for use: endpoints resolved (configured ones win over discovery,
// which belongs to the pinned issuer only) and the client secret opened.
#pragma once

#include <string>

#include "control_plane/oidc/discovery.h"
#include "control_plane/store/provider_repository.h"
#include "control_plane/vault/vault.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

/// How the client proves itself at the token endpoint (RFC 6749 section 2.3.1).
enum class ClientAuth : uint8_t { kSecretPost, kSecretBasic, kNone };

struct OAuthClient {
    std::string client_id;
    Secret client_secret;
    ClientAuth auth = ClientAuth::kSecretPost;
    std::string authorization_endpoint;
    std::string token_endpoint;
    std::string issuer;            // "" = none pinned: id_tokens cannot be verified and are not kept
    bool iss_in_response = false;  // RFC 9207: the provider promises `iss` on every answer
};

/// The Place of a provider's sealed client secret.
Place client_secret_place(const store::Provider &provider);

/// errors kProviderError, kProviderUnavailable (discovery); kSealBroken, kUnknownKey (vault)
Result<OAuthClient> resolve_client(const store::Provider &provider, const Vault &vault, Discovery &discovery);

}  // namespace nexus::control
