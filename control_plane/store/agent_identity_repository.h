// Identities of agents in SQL: credentials beside the API keys, in the same table, because edges find both in
// the same way: by a SHA-256 (caller/identity.h). A removed identity's row stays as its tombstone until
// somebody else takes it.
#pragma once

#include <string>
#include <vector>

#include "control_plane/store/agent_repository.h"
#include "control_plane/store/database.h"
#include "shared/caller/identity.h"
#include "shared/clock.h"

namespace nexus::control::store {

struct AgentIdentity {
    std::string id;  // 16 lower-case letters and digits, as key ids
    std::string agent_id;
    caller::Method kind = caller::Method::kJwt;
    std::string issuer;   // kJwt
    std::string subject;  // kJwt: sub; kMtls: the certificate's name; kPeer: the user id
    std::string sha256;   // 64 hex digits
    UnixMs created_at = 0;
    UnixMs last_used_at = 0;  // 0 = never; some seconds behind
};

/// How many ended in one workspace.
struct EndedIdentities {
    std::string workspace_id;
    int64_t count = 0;
};

namespace agent_identities {

inline constexpr int64_t kMaxOfAgent = 64;

/// Bumps the agent's generation, above that of whoever had the identity before, because records of one
/// identity only ever grow. errors kAgentNotFound (unknown or revoked), kConflict (a living agent has it, or
/// there are too many)
Result<Agent> add(Transaction &sql, const AgentIdentity &identity, UnixMs now);
/// Living ones, newest first.
Result<std::vector<AgentIdentity>> list(Executor &sql, std::string_view agent_id);
/// Bumps the generation. errors kAgentNotFound (no such identity of this agent)
Result<Agent> remove(Transaction &sql, std::string_view agent_id, std::string_view id, UnixMs now);
/// Of all living agents that tokens of this issuer can name, together: record::Grant bits.
Result<uint32_t> grants_by_issuer(Executor &sql, std::string_view issuer);
/// Ends all identities of this issuer, whoever has them, as remove does, outbox rows and all. For who has
/// changed the issuer's row in this transaction: its lock keeps new ones out. returns what lived, by
/// workspace
Result<std::vector<EndedIdentities>> end_of_issuer(Transaction &sql, std::string_view issuer, UnixMs now);

}  // namespace agent_identities
}  // namespace nexus::control::store
