// Agents and the SHA-256 of their API keys in SQL. `generation` grows with each change of an agent or of its
// keys; caller records carry it.
#pragma once

#include <string>
#include <vector>

#include "control_plane/store/database.h"
#include "shared/clock.h"

namespace nexus::control::store {

struct Agent {
    std::string id;  // UUID
    std::string workspace_id;
    std::string name;
    uint32_t grants = 0;                   // record::Grant bits
    std::vector<std::string> connections;  // empty = all of the workspace
    std::vector<std::string> providers;    // names; empty = all
    std::string aliases = "{}";            // JSON object: its own names of connections -> their ids
    int64_t generation = 1;
    UnixMs created_at = 0;
    UnixMs updated_at = 0;
    UnixMs revoked_at = 0;      // 0 = lives
    bool is_suspended = false;  // its workspace is; read only
};

struct AgentKey {
    std::string key_id;  // public part of nxa_<id>_<secret>
    std::string agent_id;
    std::string sha256;  // 64 hex digits, of the whole key
    UnixMs created_at = 0;
    UnixMs expires_at = 0;    // 0 = never
    UnixMs revoked_at = 0;    // 0 = lives
    UnixMs last_used_at = 0;  // 0 = never; some seconds behind
    UnixMs lifetime_ms = -1;  // as it was made, 0 = for ever; -1 = as it is now; read only

    /// How long a key in its place lives; 0 = for ever.
    UnixMs lifetime() const {
        return lifetime_ms >= 0 ? lifetime_ms : expires_at == 0 ? 0 : expires_at - created_at;
    }
};

struct AgentWithKey {
    Agent agent;
    AgentKey key;

    bool is_active(UnixMs now) const {
        return agent.revoked_at == 0 && !agent.is_suspended && key.revoked_at == 0 &&
               (key.expires_at == 0 || now < key.expires_at);
    }
};

struct AgentPage {
    std::vector<Agent> items;
    std::string next_cursor;
};

namespace agents {

/// errors kConflict
Result<void> create(Executor &sql, const Agent &agent);
/// Revoked ones too. errors kAgentNotFound
Result<Agent> get(Executor &sql, std::string_view id);
/// Newest first. workspace_id "" = all. errors kInvalidRequest (cursor)
Result<AgentPage> list(Executor &sql, std::string_view workspace_id, int64_t limit, std::string_view cursor);
/// Writes name, grants, connections, providers and aliases. returns the agent afterwards.
/// errors kAgentNotFound, kConflict (another generation, or revoked)
Result<Agent> update(Transaction &sql, const Agent &agent, int64_t expected_generation, UnixMs now);
/// Again is no error. returns the agent afterwards. errors kAgentNotFound
Result<Agent> revoke(Transaction &sql, std::string_view id, UnixMs now);

/// A change of what belongs to the agent: its generation grows, and is above `above_generation` then. Locks
/// its row. errors kAgentNotFound
Result<Agent> bump(Transaction &sql, std::string_view id, UnixMs now, int64_t above_generation = 0);

/// Bumps the agent's generation. errors kAgentNotFound (unknown or revoked), kConflict (key id or hash taken)
Result<Agent> add_key(Transaction &sql, const AgentKey &key, UnixMs now);
/// Again is no error. Bumps the generation. errors kAgentNotFound (no such key of this agent)
Result<Agent> revoke_key(Transaction &sql, std::string_view agent_id, std::string_view key_id, UnixMs now);
/// The living key ends at `at` or at its own end, whichever comes first. Bumps the generation.
/// errors kAgentNotFound (no such living key of this agent)
Result<Agent> end_key_by(Transaction &sql, std::string_view agent_id, std::string_view key_id, UnixMs at,
                         UnixMs now);
/// errors kAgentNotFound (no such key of this agent)
Result<AgentKey> get_key(Executor &sql, std::string_view agent_id, std::string_view key_id);
/// Newest first, at most 1000.
Result<std::vector<AgentKey>> list_keys(Executor &sql, std::string_view agent_id);
/// Of keys and identities, revoked ones too: at most 1000.
Result<std::vector<std::string>> list_hashes(Executor &sql, std::string_view agent_id);
/// Of a key or an identity (agent_identity_repository.h), active or not. errors kInvalidApiKey (unknown hash)
Result<AgentWithKey> find_by_key(Executor &sql, std::string_view sha256_hex);

}  // namespace agents
}  // namespace nexus::control::store
