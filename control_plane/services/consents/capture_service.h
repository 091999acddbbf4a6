// Static credentials (API keys, passwords) that a person types in: the form's schema, and taking what was
// typed.
#pragma once

#include <string>

#include "control_plane/cache/outbox_drainer.h"
#include "control_plane/config/config.h"
#include "control_plane/oauth/state_token.h"
#include "control_plane/oauth/stored_credentials.h"
#include "control_plane/services/access/caller.h"
#include "control_plane/services/credentials/credential_schema.h"
#include "control_plane/store/connection_repository.h"
#include "control_plane/vault/vault.h"

namespace nexus::control {

struct CaptureForm {
    std::string provider_name;
    json::Value schema;       // as clients that draw the form themselves get it
    CredentialSchema fields;  // the same, read
};
CaptureForm capture_form(const store::Provider &provider);

struct Captured {
    std::string connection_id;
    std::string provider;
    std::string flow_id;
    std::string redirect_url;  // return_url with status=success; "" = it is not allowed any more
};

class CaptureService {
public:
    CaptureService(store::Database &database, const Vault &vault, const StateSigner &signer,
                   OutboxDrainer &drainer, const Config &config, Clock clock)
        : database_(database),
          vault_(vault),
          signer_(signer),
          drainer_(drainer),
          config_(config),
          clock_(std::move(clock)) {}

    /// errors kInvalidState (also: a flow of an oauth2 connection), kProviderNotFound, kStoreUnavailable
    Result<CaptureForm> form(const std::string &state);
    /// Each flow once; what does not fit the schema leaves the flow usable.
    /// errors as form; kInvalidRequest, kMissingFields (credentials)
    Result<Captured> capture(const Caller &caller, const std::string &state, const json::Value &credentials);

private:
    struct Flow {
        StateClaims claims;
        store::Connection connection;
        store::Provider provider;
    };
    Result<Flow> open_flow(const std::string &state);
    Result<store::Connection> store_credentials(const Caller &caller, const Flow &flow,
                                                const StoredCredentials &credentials);

    store::Database &database_;
    const Vault &vault_;
    const StateSigner &signer_;
    OutboxDrainer &drainer_;
    const Config &config_;
    Clock clock_;
};

}  // namespace nexus::control
