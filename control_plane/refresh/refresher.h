// Refreshes a connection on demand: one provider call at a time for the fleet (in this process by joining the
// flight, between processes by the lease in the row), the outcome written by compare-and-set with audit and
// outbox. Which answer means what is token_response.h's business, when to refresh is decision.h's.
#pragma once

#include <string>

#include "control_plane/cache/outbox_drainer.h"
#include "control_plane/oauth/token_credentials.h"
#include "control_plane/oauth/token_endpoint.h"
#include "control_plane/oidc/id_token_verifier.h"
#include "control_plane/refresh/decision.h"
#include "control_plane/refresh/single_flight.h"
#include "control_plane/refresh/unstored_tokens.h"
#include "control_plane/store/transition.h"

namespace nexus::control {

class Metrics;

struct RefresherOptions {
    int64_t lease_ms = 20 * 1000;  // longer than the HTTP client's total time-out
    std::chrono::milliseconds join_wait{25000};
    std::chrono::milliseconds lease_poll{50};
    int64_t lease_wait_ms = 15 * 1000;   // for another process to finish
    int commit_attempts = 4;             // a rotated refresh token exists nowhere else
    std::string oidc_mode = "verified";  // OIDC_MODE
};

class Refresher {
public:
    Refresher(store::Database &database, const Vault &vault, Discovery &discovery, TokenEndpoint endpoint,
              OutboxDrainer &drainer, Clock clock, Metrics *metrics, RefresherOptions options = {});

    /// returns the connection's row afterwards, in whatever state it then is
    /// errors kConnectionNotFound, kStoreUnavailable
    ///        kStaticToken, kNoRefreshToken  forced, and nothing to refresh with
    ///        kTokenUnavailable              transient failure: nothing changed; retry_after_s is set
    ///        kProviderError                 the provider refuses our configuration: nothing changed
    Result<store::Connection> refresh(const std::string &connection_id, const RefreshWish &wish);

private:
    /// What one attempt works with.
    struct Attempt {
        store::Connection connection;
        store::Provider provider;
        int64_t epoch = 0;
        int64_t token_version = 0;
        StoredCredentials credentials;
        UnixMs asked_at = 0;  // when the request to the provider was sent
    };
    Result<store::Connection> refresh_once(const std::string &connection_id, const RefreshWish &wish);
    Result<store::Connection> expire(const store::Connection &connection);
    Result<store::Connection> wait_for_other(const store::Connection &seen);
    Result<store::Connection> run_leased(const store::Connection &connection, const RefreshWish &wish,
                                         int64_t epoch);
    TokenResponse renew(const Attempt &attempt, const OAuthClient &client) const;
    tl::unexpected<Error> unresolved(const Attempt &attempt, const Error &error);
    Result<void> load(Attempt &attempt);
    Result<store::Connection> apply(Attempt &attempt, TokenResponse response, const OAuthClient &client);
    Result<store::Connection> store_tokens(Attempt &attempt, TokenResponse response,
                                           const OAuthClient &client);
    Result<store::Connection> commit_tokens(const Attempt &attempt, const StoredCredentials &credentials,
                                            const store::ConnectionChange &change);
    Result<store::Connection> finish(const Attempt &attempt, const Result<store::Connection> &row);
    Result<store::Connection> store_or_keep(const Attempt &attempt, StoredCredentials credentials,
                                            const store::ConnectionChange &change);
    Result<store::Connection> dead_grant(Attempt &attempt, const std::string &reason);
    Result<store::Connection> superseded(const Attempt &attempt);
    tl::unexpected<Error> later(const Attempt &attempt, const std::string &reason, int64_t retry_after_s);
    tl::unexpected<Error> misconfigured(const Attempt &attempt, const std::string &reason);
    void keep_id_token(const Attempt &attempt, const OAuthClient &client, Secret id_token,
                       StoredCredentials &credentials) const;
    void give_back(const Attempt &attempt);
    void note(const Attempt &attempt, std::string_view audit_type, std::string_view reason);
    void append_event(const Attempt &attempt, audit::Event event) const;

    store::Database &database_;
    const Vault &vault_;
    Discovery &discovery_;
    IdTokenVerifier id_tokens_;
    TokenEndpoint endpoint_;
    OutboxDrainer &drainer_;
    Clock clock_;
    Metrics *metrics_;
    RefresherOptions options_;
    std::string owner_;
    SingleFlight flights_;
    Backoff backoff_;
    UnstoredTokens unstored_;
};

}  // namespace nexus::control
