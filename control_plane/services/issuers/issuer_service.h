// Issuers whose JWTs callers may present at edges. What they are is pinned here; their keys come from a text
// that somebody wrote down, or from where the issuer publishes them, and reach edges as issuer records.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "control_plane/cache/outbox_drainer.h"
#include "control_plane/oidc/discovery.h"
#include "control_plane/services/access/caller.h"
#include "control_plane/store/trusted_issuer_repository.h"
#include "shared/clock.h"

namespace nexus::control {

struct IssuerRequest {
    std::string issuer;
    std::string workspace_id;             // "" = the caller's; of a caller without one: every workspace
    std::vector<std::string> audiences;   // at least one
    std::vector<std::string> algorithms;  // empty = kDefaultIssuerAlgorithms
    std::string jwks;                     // a JWK Set; "" = published by the issuer
    std::string jwks_uri;                 // "" = by discovery
    int64_t leeway_s = 30;
    int64_t max_age_s = 0;
};

/// What PATCH changes; nullopt = stays as it is.
struct IssuerUpdate {
    std::optional<std::vector<std::string>> audiences;
    std::optional<std::vector<std::string>> algorithms;
    std::optional<std::string> jwks;
    std::optional<std::string> jwks_uri;
    std::optional<int64_t> leeway_s;
    std::optional<int64_t> max_age_s;
};

/// Every call is within the caller's workspace: what is not there for him is kIssuerNotFound.
class IssuerService {
public:
    IssuerService(store::Database &database, Discovery &discovery, OutboxDrainer &drainer, Clock clock)
        : database_(database), discovery_(discovery), drainer_(drainer), clock_(std::move(clock)) {}

    /// Asks a published issuer for its keys; without them it is trusted all the same, and asked again later.
    /// Nobody is known by its tokens yet: what is left of an earlier time ends (decision 0080).
    /// errors kInvalidRequest (names the member), kConflict (trusted already), kInsufficientGrant
    Result<store::TrustedIssuer> create(const Caller &caller, const IssuerRequest &request);
    /// errors kInsufficientGrant (somebody else's workspace)
    Result<store::TrustedIssuerPage> list(const Caller &caller, const std::string &workspace_id,
                                          int64_t limit, const std::string &cursor);
    /// errors kIssuerNotFound
    Result<store::TrustedIssuer> get(const Caller &caller, const std::string &id);
    /// Whose tokens are taken, and which, decides who is taken for the agents that they name: it is worth
    /// those agents' grants. errors as create; kIssuerNotFound
    Result<store::TrustedIssuer> update(const Caller &caller, const std::string &id,
                                        const IssuerUpdate &update);
    /// With it go the identities that its tokens gave. errors kIssuerNotFound
    Result<void> remove(const Caller &caller, const std::string &id);

    /// An edge has seen a key that the record of this generation lacks: asks the issuer anew, at most once in
    /// kDefaultJwksCooldownS by all nexusd together, unless a newer generation is there already.
    /// returns the issuer as it is then. errors kIssuerNotFound, kStoreUnavailable
    Result<store::TrustedIssuer> look_for_keys(const std::string &sha256, int64_t above_generation);
    /// Tells edges of keys that published issuers have changed. returns how many had
    int renew_all();

private:
    using Change = std::function<Result<void>(store::TrustedIssuer &)>;
    Result<store::TrustedIssuer> change(const Caller &caller, const std::string &id, const Change &change);
    Result<store::TrustedIssuer> find(store::Executor &sql, const Caller &caller, const std::string &id);
    /// Writes down the keys if they differ. returns the issuer as it is then
    Result<store::TrustedIssuer> keep_keys(const store::TrustedIssuer &issuer, const jose::JwkSet &keys);
    void flush(const store::TrustedIssuer &issuer);

    store::Database &database_;
    Discovery &discovery_;
    OutboxDrainer &drainer_;
    Clock clock_;
};

}  // namespace nexus::control
