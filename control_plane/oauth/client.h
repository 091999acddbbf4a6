// Our registration at a provider, ready for use: endpoints resolved, their {variables} filled in, and the
// client secret opened. Which endpoint it is: endpoint_overrides, then the profile's own, then that of the
// pinned issuer's document; discovery_mode turns the last two round, or leaves the document out.
#pragma once

#include <string>

#include "control_plane/oauth/profile.h"
#include "control_plane/oauth/url_template.h"
#include "control_plane/oidc/discovery.h"
#include "control_plane/oidc/id_token.h"
#include "control_plane/oidc/settings.h"
#include "control_plane/store/provider_repository.h"
#include "control_plane/vault/vault.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

struct OAuthClient {
    std::string provider;  // its name, for metrics
    std::string client_id;
    Secret
        client_secret;  // kPrivateKeyJwt: the private key, PEM or JWK; mutual TLS: certificate and key, PEM
    Secret dpop_key;    // the connection's (dpop.h), set by who asks for its tokens; empty = no DPoP
    ClientAuth auth = ClientAuth::kSecretPost;
    // An endpoint is "" where there is none, or where it needs variables that are not known yet.
    std::string authorization_endpoint;
    std::string token_endpoint;
    std::string refresh_endpoint;     // refresh_url; without one, refreshes go to the token endpoint
    std::string revocation_endpoint;  // revocation_url, else as the others
    std::string userinfo_endpoint;    // user_info_endpoint, else as the others
    std::string par_endpoint;         // RFC 9126
    std::string device_endpoint;      // RFC 8628
    bool par_required = false;        // the provider takes pushed authorization requests only
    std::string issuer;               // "" = none pinned: id_tokens cannot be verified and are not kept
    IssuerSource source;              // the same, as Discovery looks it up
    OidcSettings oidc;
    bool iss_in_response = false;  // RFC 9207: the provider promises `iss` on every answer
    OAuthProfile profile;
    Variables variables;  // the connection's, and client_id

    /// Are id_tokens verified and kept? default_mode  OIDC_MODE
    bool verifies_id_tokens(std::string_view default_mode) const noexcept {
        const OidcMode mode = oidc.mode.value_or(parse_oidc_mode(default_mode).value_or(OidcMode::kVerified));
        return !issuer.empty() && mode == OidcMode::kVerified;
    }
    /// What any id_token of this provider must say; the caller adds what is known of its flow.
    IdTokenExpectation expected_id_token() const;
    bool is_client_credentials() const noexcept {
        return profile.grant == OAuthProfile::Grant::kClientCredentials;
    }
    /// Does the connection come about without a person?
    bool is_machine() const noexcept {
        return is_client_credentials() || profile.grant == OAuthProfile::Grant::kTokenExchange;
    }
    /// Is the authorization request to be pushed?
    bool pushes_requests() const noexcept {
        return profile.par == PushedRequests::kOn || (profile.par == PushedRequests::kAuto && par_required);
    }
    /// What can be renewed later: by its refresh token, or by asking again.
    bool can_renew(const Secret &refresh_token) const noexcept {
        return is_client_credentials() || !refresh_token.empty();
    }
};

/// Gives a client whose profile asks for DPoP its key: a connection's own, or a new one where it has none
/// yet. errors kCryptoFailure
Result<void> use_dpop_key(OAuthClient &client, const Secret &of_connection);

/// The Place of a provider's sealed client secret.
Place client_secret_place(const store::Provider &provider);

/// variables  of the connection: those of the flow while it runs, `variables` of its row later
/// errors     kProviderError, kProviderUnavailable (discovery); kProviderError (profile with pkce off at an
/// issuer
///            that supports S256); kSealBroken, kUnknownKey (vault); kInvalidRequest (a variable that is none
///            of its place's)
Result<OAuthClient> resolve_client(const store::Provider &provider, const Vault &vault, Discovery &discovery,
                                   const Variables &variables = {});

/// api_base_url with the connection's variables; "" where one is not known.
std::string api_base_url_of(const store::Provider &provider, const Variables &variables);

}  // namespace nexus::control
