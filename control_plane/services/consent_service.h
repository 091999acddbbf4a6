// Starts a connection: the row, its flow (state, PKCE verifier, nonce) and the URL that a person must visit.
#pragma once

#include <string>
#include <vector>

#include "control_plane/config/config.h"
#include "control_plane/oauth/client.h"
#include "control_plane/oauth/state_token.h"
#include "control_plane/services/caller.h"
#include "control_plane/store/connection_repository.h"

namespace nexus::control {

class Metrics;

struct ConsentRequest {
    std::string workspace_id;  // "" = the caller's own
    std::string user_id;
    std::string provider_id;  // one of the two
    std::string provider_name;
    std::string return_url;
    std::vector<std::string> scopes;  // empty = the profile's
    json::Value variables;            // for the {variables} of the profile; null = none
};

struct Consent {
    std::string auth_url;
    std::string state;
    std::vector<std::string> scopes;
    std::string provider_id;
    std::string connection_id;
};

class ConsentService {
public:
    ConsentService(store::Database &database, const Vault &vault, Discovery &discovery,
                   const StateSigner &signer, const Config &config, Clock clock, Metrics *metrics)
        : database_(database),
          vault_(vault),
          discovery_(discovery),
          signer_(signer),
          config_(config),
          clock_(std::move(clock)),
          metrics_(metrics) {}

    /// errors kInvalidRequest, kReturnUrlNotAllowed, kProviderNotFound, kProviderAmbiguous,
    /// kInvalidProviderId,
    ///        kUnsupportedAuthType, kProviderError, kProviderUnavailable (discovery), kStoreUnavailable,
    ///        kMissingFields, kInvalidRequest (variables.<name>), kInsufficientGrant (somebody else's
    ///        workspace), kAccessDenied (suspended)
    Result<Consent> start(const Caller &caller, const ConsentRequest &request);

private:
    Result<store::Provider> find_provider(const Caller &caller, const ConsentRequest &request);
    Result<void> check(const ConsentRequest &request) const;
    static Result<Variables> flow_variables(const store::Provider &provider, const ConsentRequest &request);

    store::Database &database_;
    const Vault &vault_;
    Discovery &discovery_;
    const StateSigner &signer_;
    const Config &config_;
    Clock clock_;
    Metrics *metrics_;
};

}  // namespace nexus::control
