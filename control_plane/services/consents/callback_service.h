// Finishes an OAuth flow: what the provider sent back through the browser, checked, exchanged and stored.
#pragma once

#include <optional>
#include <string>

#include "control_plane/cache/outbox_drainer.h"
#include "control_plane/config/config.h"
#include "control_plane/oauth/state_token.h"
#include "control_plane/oauth/token_credentials.h"
#include "control_plane/oauth/token_endpoint.h"
#include "control_plane/oidc/id_token_verifier.h"
#include "control_plane/oidc/userinfo.h"
#include "control_plane/services/access/caller.h"
#include "control_plane/services/consents/flow_end.h"
#include "control_plane/store/connection_repository.h"

namespace nexus::control {

class Metrics;

struct CallbackInput {
    std::string state;
    std::optional<std::string> error;
    std::optional<std::string> iss;  // RFC 9207
    std::string redirect_segment;    // of the path that it came to: redirect_uri.h
    std::string cookie_header;       // of the browser that brings it
    NamedTexts parameters;           // all of them, decoded: the code, and what the profile takes from them

    /// nullopt = not there, or there twice
    std::optional<std::string> parameter(const std::string &name) const;
};

class CallbackService {
public:
    CallbackService(store::Database &database, const Vault &vault, Discovery &discovery, UserInfo userinfo,
                    ClientFetch fetch, const StateSigner &signer, TokenEndpoint endpoint,
                    OutboxDrainer &drainer, const Config &config, Clock clock, Metrics *metrics);

    /// A state that another browser brings, or a ticket, uses nothing up.
    /// errors kInvalidState (detail "browser": not the browser that started the flow), kStoreUnavailable
    Result<FlowEnd> finish(const Caller &caller, const CallbackInput &input);

    /// Asks whether the person of a device flow has agreed by now, if it is time to ask (device_flow.cpp).
    /// connection  with its flow, of `provider`, whose grant is device_code
    /// returns     nullopt = not yet
    /// errors      kInvalidState (the flow is over), kStoreUnavailable, and as resolve_client
    Result<std::optional<FlowEnd>> ask_device(const Caller &caller, const store::Connection &connection,
                                              const store::Provider &provider);

private:
    struct Flow {
        store::Connection connection;
        store::Provider provider;
    };
    /// What the exchange yields, not stored yet.
    struct Grant {
        StoredCredentials credentials;
        store::ConnectionChange change;
        std::optional<IdentityClaims> identity;  // of a verified id_token
        NamedTexts kept;                         // of the token answer, for the connection's metadata
        Variables variables;
    };
    Result<OAuthClient> client_of(const Flow &flow, const CallbackInput &input);
    Result<void> exchange_and_store(const Caller &caller, const Flow &flow, OAuthClient &client,
                                    const CallbackInput &input);
    Result<Grant> exchange(const Flow &flow, OAuthClient &client, const std::string &code);
    Result<Grant> grant_of(const Flow &flow, const OAuthClient &client, std::string_view code,
                           TokenResponse response, UnixMs asked_at);
    FlowEnd succeeded(const Flow &flow) const;
    Result<std::optional<FlowEnd>> end_device(const Caller &caller, Flow flow, const OAuthClient &client,
                                              TokenResponse response, UnixMs asked_at);
    Result<void> store_if_same_account(const Caller &caller, const Flow &flow, const OAuthClient &client,
                                       const CallbackInput &input, Grant grant);
    FlowEnd fail_with(const Caller &caller, const Flow &flow, const Error &error);
    static Result<void> check_account(const Flow &flow, store::Connection row, const OAuthProfile &profile,
                                      const Grant &grant);
    static void keep_fields(const OAuthClient &client, const CallbackInput &input, Grant &grant);
    Result<void> check_identity(const Flow &flow, const OAuthClient &client, std::string_view code,
                                Secret id_token, Grant &grant);
    Result<void> store_grant(const Caller &caller, const Flow &flow, const OAuthProfile &profile,
                             const Grant &grant);
    Result<StateClaims> admit(const CallbackInput &input);
    /// reason  for the audit event; "" = none
    FlowEnd fail_flow(const Caller &caller, const Flow &flow, std::string_view audit_type,
                      std::string_view error, std::string_view reason = {});

    store::Database &database_;
    const Vault &vault_;
    Discovery &discovery_;
    IdTokenVerifier id_tokens_;
    UserInfo userinfo_;
    ClientFetch fetch_;  // for it
    const StateSigner &signer_;
    TokenEndpoint endpoint_;
    OutboxDrainer &drainer_;
    const Config &config_;
    Clock clock_;
    Metrics *metrics_;
};

}  // namespace nexus::control
