// What an attempt needs before it is sent, and what its answer has brought: the connection's row and
// credentials, the provider's client, the exchange; then the tokens as they are stored. Sends nothing itself.
#pragma once

#include <string>

#include "control_plane/oauth/token_endpoint.h"
#include "control_plane/oidc/id_token_verifier.h"
#include "control_plane/refresh/attempt.h"
#include "control_plane/refresh/slowness.h"

namespace nexus::control {

class Metrics;

class Redeemer {
public:
    Redeemer(store::Database &database, const Vault &vault, Discovery &discovery, TokenEndpoint endpoint,
             Clock clock, Metrics *metrics, std::string oidc_mode)
        : database_(database),
          vault_(vault),
          discovery_(discovery),
          id_tokens_(discovery, clock, metrics),
          endpoint_(std::move(endpoint)),
          clock_(std::move(clock)),
          metrics_(metrics),
          oidc_mode_(std::move(oidc_mode)) {}

    enum class Prepared : uint8_t {
        kReady,    // attempt.request is to be sent
        kNothing,  // the connection as it is now is the outcome
        kLost,     // its token may have been used up: a person is needed
        kTooSoon,  // the provider's limit per connection: not before attempt.rate_at
    };
    /// Fills in the attempt.
    /// errors  of the store and the vault; kProviderUnavailable, kProviderError, kEgressDenied (discovery);
    ///         kNoRefreshToken, kStaticToken
    Result<Prepared> prepare(Attempt &attempt) const;
    /// What is to be stored. An id_token that is refused is left out, and the audit told.
    std::shared_ptr<const Answer> take_answer(const Attempt &attempt, TokenResponse response,
                                              int64_t slow_ms) const;

    /// Of an exchange that failed behind its first answer (the profile's chain): that one's refresh token,
    /// beside the access token that is stored already.
    std::shared_ptr<const Answer> take_refresh_token(const Attempt &attempt, TokenResponse response) const;

private:
    Result<void> load(Attempt &attempt) const;
    Result<void> make_exchange(Attempt &attempt) const;
    void keep_id_token(const Attempt &attempt, Secret id_token, StoredCredentials &credentials) const;

    store::Database &database_;
    const Vault &vault_;
    Discovery &discovery_;
    IdTokenVerifier id_tokens_;
    TokenEndpoint endpoint_;
    Clock clock_;
    Metrics *metrics_;
    std::string oidc_mode_;
};

/// Why a connection has nothing to be refreshed with.
tl::unexpected<Error> not_refreshable(const store::Provider &provider);

}  // namespace nexus::control
