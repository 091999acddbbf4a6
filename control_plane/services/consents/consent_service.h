// Starts a connection: the row, its flow (state, PKCE verifier, nonce) and the URL that a person must visit.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control_plane/cache/outbox_drainer.h"
#include "control_plane/config/config.h"
#include "control_plane/json/json.h"
#include "control_plane/oauth/client.h"
#include "control_plane/oauth/state_token.h"
#include "control_plane/oauth/token_endpoint.h"
#include "control_plane/services/access/caller.h"
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
    json::Value labels;               // {name: value}; null = none
    SubjectToken subject;             // for grant token_exchange, and for no other
};

/// Another flow on a connection that is there already.
struct ReconnectRequest {
    std::string connection_id;
    std::string return_url;           // "" = where the last flow ended
    std::vector<std::string> scopes;  // empty = those it has
    json::Value variables;            // null = those it has
    bool allow_other_account = false;
    SubjectToken subject;  // as ConsentRequest's
};

struct Consent {
    std::string auth_url;
    std::string state;
    std::vector<std::string> scopes;
    std::string provider_id;
    std::string connection_id;
    connection::State state_of_connection = connection::State::kPending;
};

class ConsentService {
public:
    ConsentService(store::Database &database, const Vault &vault, Discovery &discovery,
                   const StateSigner &signer, TokenEndpoint endpoint, OutboxDrainer &drainer,
                   const Config &config, Clock clock, Metrics *metrics)
        : database_(database),
          vault_(vault),
          discovery_(discovery),
          signer_(signer),
          endpoint_(std::move(endpoint)),
          drainer_(drainer),
          config_(config),
          clock_(std::move(clock)),
          metrics_(metrics) {}

    /// errors kInvalidRequest, kReturnUrlNotAllowed, kProviderNotFound, kProviderAmbiguous,
    /// kInvalidProviderId,
    ///        kUnsupportedAuthType, kProviderError, kProviderUnavailable (discovery), kStoreUnavailable,
    ///        kMissingFields, kInvalidRequest (variables.<name>), kInsufficientGrant (somebody else's
    ///        workspace), kAccessDenied (suspended)
    Result<Consent> start(const Caller &caller, const ConsentRequest &request);

    /// Keeps the connection's id; what it has works until the flow succeeds. A failed one is pending again.
    /// errors kInvalidConnectionId, kConnectionNotFound, kConnectionRevoked, kProviderNotFound, and as start
    Result<Consent> reconnect(const Caller &caller, const ReconnectRequest &request);
    /// The same by a standing link (reconnect_link.h), where the connection needs a person.
    /// errors kInvalidState, and as reconnect
    Result<Consent> reconnect_by_link(const Caller &person, const std::string &ticket);
    /// Whose link it is: the provider's name. errors kInvalidState, kProviderNotFound, kStoreUnavailable
    Result<std::string> provider_of_link(const std::string &ticket);

private:
    Result<store::Provider> find_provider(const Caller &caller, const ConsentRequest &request);
    struct Existing {
        store::Connection connection;
        store::Provider provider;
    };
    Result<void> check(const ConsentRequest &request) const;
    static Result<Variables> flow_variables(const store::Provider &provider, const ConsentRequest &request);
    Result<void> check_scopes(const std::vector<std::string> &scopes) const;
    Result<Existing> find_link(const std::string &ticket);
    Result<Consent> renew(const Caller &caller, Existing existing, const ReconnectRequest &request);
    static Result<void> set_variables(const store::Provider &provider, store::Connection &connection,
                                      const json::Value &given);
    Result<void> store_flow(const Caller &caller, const store::Connection &connection, UnixMs now);
    /// A flow that has begun: its ticket, and our registration where it is one of OAuth.
    struct Begun {
        std::string ticket;
        std::optional<OAuthClient> client;
        bool is_machine() const { return client && client->is_machine(); }
    };
    Result<Begun> begin_flow(const store::Provider &provider, store::Connection &connection, UnixMs now);
    Result<void> begin_in_browser(OAuthClient &client, store::Connection &connection);
    Result<void> begin_on_device(const OAuthClient &client, store::Connection &connection, UnixMs now);
    static Result<void> check_wanted(const Begun &begun, const SubjectToken &subject);
    TokenResponse machine_tokens(const OAuthClient &client, const store::Connection &connection,
                                 const SubjectToken &subject) const;
    Result<Consent> connect_machine(const Caller &caller, const store::Provider &provider,
                                    store::Connection connection, Begun begun, const SubjectToken &subject,
                                    bool is_new);
    Consent consent_of(const store::Connection &connection, std::string ticket) const;

    store::Database &database_;
    const Vault &vault_;
    Discovery &discovery_;
    const StateSigner &signer_;
    TokenEndpoint endpoint_;
    OutboxDrainer &drainer_;
    const Config &config_;
    Clock clock_;
    Metrics *metrics_;
};

}  // namespace nexus::control
