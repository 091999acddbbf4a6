// Agents, their API keys and their identities. A key is shown once, when it is made; only its SHA-256 is
// kept.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "control_plane/cache/outbox_drainer.h"
#include "control_plane/services/access/api_key.h"
#include "control_plane/services/access/caller.h"
#include "control_plane/services/agents/aliases.h"
#include "control_plane/store/agent_identity_repository.h"
#include "control_plane/store/database.h"
#include "shared/clock.h"

namespace nexus::control {

struct AgentRequest {
    std::string name;
    std::string workspace_id;
    std::vector<std::string> grants;
    std::vector<std::string> connections;
    std::vector<std::string> providers;
    Aliases aliases;
    UnixMs key_expires_at = 0;  // 0 = never
};

/// What PATCH changes; nullopt = stays as it is.
struct AgentUpdate {
    std::optional<std::string> name;
    std::optional<std::vector<std::string>> grants;
    std::optional<std::vector<std::string>> connections;
    std::optional<std::vector<std::string>> providers;
    std::optional<Aliases> aliases;
    std::optional<int64_t> if_generation = std::nullopt;  // of what was read before
};

struct NewAgent {
    store::Agent agent;
    NewKey key;
};

struct AgentDetails {
    store::Agent agent;
    std::vector<store::AgentKey> keys;
    std::vector<store::AgentIdentity> identities;
};

/// Who an agent is beside its keys. Which members count depends on the kind.
struct IdentityRequest {
    std::string kind;            // "jwt", "mtls" or "peer"
    std::string issuer;          // jwt: a trusted one
    std::string subject;         // jwt
    std::string san;             // mtls: URI:..., DNS:... or email:...
    std::optional<int64_t> uid;  // peer
};

/// The row of a key: its digest instead of its text.
store::AgentKey stored_form(const NewKey &key, const std::string &agent_id);

/// A key or an identity of the agent is worth the agent's grants. errors kInsufficientGrant
Result<void> check_credential_gift(const Caller &caller, const store::Agent &agent);

/// Every call is within the caller's workspace: what is not there for him is kAgentNotFound. Nobody gives
/// grants, nor keys of an agent with grants, that he does not have himself (Caller::may_give).
class AgentService {
public:
    AgentService(store::Database &database, OutboxDrainer &drainer, Clock clock)
        : database_(database), drainer_(drainer), clock_(std::move(clock)) {}

    /// errors kInvalidRequest (names the member), kMissingFields, kInsufficientGrant (grants or workspace out
    /// of reach), kAccessDenied (the workspace is suspended), kStoreUnavailable
    Result<NewAgent> create(const Caller &caller, const AgentRequest &request);
    /// errors kInsufficientGrant (somebody else's workspace)
    Result<store::AgentPage> list(const Caller &caller, const std::string &workspace_id, int64_t limit,
                                  const std::string &cursor);
    /// errors kAgentNotFound (also: not a UUID)
    Result<AgentDetails> get(const Caller &caller, const std::string &id);
    /// errors as create; kAgentNotFound; kConflict (revoked, or changed again and again meanwhile)
    Result<store::Agent> update(const Caller &caller, const std::string &id, const AgentUpdate &update);
    /// Revokes the agent and with it every key; edges learn it by the caller records' tombstones.
    Result<void> remove(const Caller &caller, const std::string &id);

    /// errors kAgentNotFound, kInvalidRequest (expiry in the past), kInsufficientGrant
    Result<NewKey> add_key(const Caller &caller, const std::string &id, UnixMs expires_at);
    /// A new key beside the old one, which ends after `overlap_ms` at the latest. errors as add_key
    Result<RotatedKey> rotate_key(const Caller &caller, const std::string &id, const std::string &key_id,
                                  UnixMs overlap_ms, UnixMs expires_at);
    Result<void> remove_key(const Caller &caller, const std::string &id, const std::string &key_id);

    /// Names that everybody shares (certificates, user ids, subjects of issuers of the whole installation)
    /// are given by keys that are not bound to a workspace; else one workspace could take another's. errors
    /// kAgentNotFound, kInvalidRequest (names the member), kMissingFields, kInsufficientGrant, kConflict
    /// (somebody is known by it already)
    Result<store::AgentIdentity> add_identity(const Caller &caller, const std::string &id,
                                              const IdentityRequest &request);
    Result<std::vector<store::AgentIdentity>> list_identities(const Caller &caller, const std::string &id);
    /// errors kAgentNotFound
    Result<void> remove_identity(const Caller &caller, const std::string &id, const std::string &identity_id);

private:
    using Change = std::function<Result<store::Agent>(store::Transaction &, const store::Agent &)>;
    /// Reads the agent, if it is within reach, and lets `change` write; records, publishes.
    Result<store::Agent> change(const Caller &caller, const std::string &id, const audit::Event &event,
                                const Change &change);
    Result<store::Agent> find(store::Executor &sql, const Caller &caller, const std::string &id);
    void publish(const store::Agent &agent);
    store::Database &database_;
    OutboxDrainer &drainer_;
    Clock clock_;
};

}  // namespace nexus::control
