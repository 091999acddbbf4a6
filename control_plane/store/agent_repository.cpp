// Agents and their keys. Every change bumps the agent's generation under a compare-and-set or a row lock.
#include "control_plane/store/agent_repository.h"

#include "control_plane/store/key_lifetime.h"
#include "control_plane/store/list_query.h"

namespace nexus::control::store {

namespace {

#define NEXUS_AGENT_COLUMNS                                                                                 \
    "id, workspace_id, name, grants, connections, providers, aliases, generation, created_at, updated_at, " \
    "revoked_at"
#define NEXUS_AGENT_SUSPENDED \
    ", COALESCE((SELECT w.suspended_at FROM workspaces w WHERE w.id = workspace_id), 0)"
#define NEXUS_SELECT_AGENT "SELECT " NEXUS_AGENT_COLUMNS NEXUS_AGENT_SUSPENDED " FROM agents "
#define NEXUS_RETURNING_AGENT "RETURNING " NEXUS_AGENT_COLUMNS NEXUS_AGENT_SUSPENDED
#define NEXUS_KEY_COLUMNS "key_id, agent_id, sha256, created_at, expires_at, revoked_at, last_used_at"
#define NEXUS_SELECT_KEY "SELECT " NEXUS_KEY_COLUMNS ", lifetime_ms FROM agent_keys "

Agent take_agent(RowReader &in) {
    Agent agent;
    agent.id = in.text();
    agent.workspace_id = in.text();
    agent.name = in.text();
    agent.grants = static_cast<uint32_t>(in.integer());
    agent.connections = in.list();
    agent.providers = in.list();
    agent.aliases = in.text();
    agent.generation = in.integer();
    agent.created_at = in.integer();
    agent.updated_at = in.integer();
    agent.revoked_at = in.integer();
    agent.is_suspended = in.integer() != 0;
    return agent;
}

AgentKey take_key(RowReader &in) {
    AgentKey key;
    key.key_id = in.text();
    key.agent_id = in.text();
    key.sha256 = in.text();
    key.created_at = in.integer();
    key.expires_at = in.integer();
    key.revoked_at = in.integer();
    key.last_used_at = in.integer();
    key.lifetime_ms = in.integer();
    return key;
}

Result<Agent> read_agent(const Row &row) {
    RowReader in(row);
    Agent agent = take_agent(in);
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return agent;
}

tl::unexpected<Error> not_found() {
    return fail(Errc::kAgentNotFound, "there is no such agent");
}

Result<Agent> first(const Result<Rows> &rows) {
    if (!rows) {
        return fail(rows.error());
    }
    return rows->empty() ? not_found() : read_agent(rows->rows.front());
}

}  // namespace

namespace agents {

Result<Agent> bump(Transaction &sql, std::string_view id, UnixMs now, int64_t above_generation) {
    return first(
        sql.execute("UPDATE agents SET updated_at = $2, generation = CASE WHEN generation < $3 THEN $3 ELSE "
                    "generation END + 1 WHERE id = $1 " NEXUS_RETURNING_AGENT,
                    {text(id), now, above_generation}));
}

Result<void> create(Executor &sql, const Agent &a) {
    Result<Rows> inserted = sql.execute(
        "INSERT INTO agents (" NEXUS_AGENT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        {a.id, a.workspace_id, a.name, int64_t{a.grants}, store::list(a.connections),
         store::list(a.providers), a.aliases, a.generation, a.created_at, a.updated_at, a.revoked_at});
    if (!inserted) {
        return fail(inserted.error());
    }
    return {};
}

Result<Agent> get(Executor &sql, std::string_view id) {
    return first(sql.execute(NEXUS_SELECT_AGENT "WHERE id = $1", {text(id)}));
}

Result<AgentPage> list(Executor &sql, std::string_view workspace_id, int64_t limit, std::string_view cursor) {
    ListQuery query(NEXUS_SELECT_AGENT);
    if (!workspace_id.empty()) {
        query.where("workspace_id = ?", text(workspace_id));
    }
    return query.newest_first<AgentPage>(sql, limit, cursor, "id", read_agent,
                                         [](const Agent &agent) { return agent.id; });
}

Result<Agent> update(Transaction &sql, const Agent &a, int64_t expected_generation, UnixMs now) {
    Result<Rows> rows = sql.execute(
        "UPDATE agents SET name = $3, grants = $4, connections = $5, providers = $6, updated_at = $7, "
        "aliases = $8, "
        "generation = generation + 1 WHERE id = $1 AND generation = $2 AND revoked_at = "
        "0 " NEXUS_RETURNING_AGENT,
        {a.id, expected_generation, a.name, int64_t{a.grants}, store::list(a.connections),
         store::list(a.providers), now, a.aliases});
    if (!rows) {
        return fail(rows.error());
    }
    if (!rows->empty()) {
        return read_agent(rows->rows.front());
    }
    if (Result<Agent> stored = get(sql, a.id); !stored) {
        return stored;
    }
    return fail(Errc::kConflict, "the agent was changed or revoked meanwhile");
}

Result<Agent> revoke(Transaction &sql, std::string_view id, UnixMs now) {
    return first(
        sql.execute("UPDATE agents SET revoked_at = CASE WHEN revoked_at = 0 THEN $2 ELSE revoked_at END, "
                    "updated_at = $2, generation = generation + 1 "
                    "WHERE id = $1 " NEXUS_RETURNING_AGENT,
                    {text(id), now}));
}

Result<Agent> add_key(Transaction &sql, const AgentKey &key, UnixMs now) {
    Result<Agent> agent = bump(sql, key.agent_id, now);  // first: it locks the agent's row
    if (!agent) {
        return agent;
    }
    if (agent->revoked_at != 0) {
        return not_found();
    }
    Result<Rows> inserted =
        sql.execute("INSERT INTO agent_keys (" NEXUS_KEY_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7)",
                    {key.key_id, key.agent_id, key.sha256, key.created_at, key.expires_at, key.revoked_at,
                     key.last_used_at});
    if (!inserted) {
        return fail(inserted.error());
    }
    return agent;
}

Result<Agent> revoke_key(Transaction &sql, std::string_view agent_id, std::string_view key_id, UnixMs now) {
    Result<Agent> agent = bump(sql, agent_id, now);
    if (!agent) {
        return agent;
    }
    Result<Rows> updated = sql.execute(
        "UPDATE agent_keys SET revoked_at = CASE WHEN revoked_at = 0 THEN $3 ELSE revoked_at END "
        "WHERE key_id = $1 AND agent_id = $2 AND kind = 'api_key'",
        {text(key_id), text(agent_id), now});
    if (!updated) {
        return fail(updated.error());
    }
    if (updated->affected == 0) {
        return fail(Errc::kAgentNotFound, "the agent has no such key");
    }
    return agent;
}

Result<Agent> end_key_by(Transaction &sql, std::string_view agent_id, std::string_view key_id, UnixMs at,
                         UnixMs now) {
    Result<Agent> agent = bump(sql, agent_id, now);
    if (!agent) {
        return agent;
    }
    Result<Rows> updated = sql.execute(
        "UPDATE agent_keys SET " NEXUS_KEEP_LIFETIME
        ", expires_at = CASE WHEN expires_at = 0 OR expires_at > $3 THEN $3 "
        "ELSE expires_at END WHERE key_id = $1 AND agent_id = $2 AND kind = 'api_key' AND revoked_at = 0",
        {text(key_id), text(agent_id), at});
    if (!updated) {
        return fail(updated.error());
    }
    if (updated->affected == 0) {
        return fail(Errc::kAgentNotFound, "the agent has no such living key");
    }
    return agent;
}

Result<AgentKey> get_key(Executor &sql, std::string_view agent_id, std::string_view key_id) {
    Result<Rows> rows =
        sql.execute(NEXUS_SELECT_KEY "WHERE key_id = $1 AND agent_id = $2 AND kind = 'api_key'",
                    {text(key_id), text(agent_id)});
    if (!rows) {
        return fail(rows.error());
    }
    if (rows->empty()) {
        return fail(Errc::kAgentNotFound, "the agent has no such key");
    }
    RowReader in(rows->rows.front());
    AgentKey key = take_key(in);
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return key;
}

Result<std::vector<AgentKey>> list_keys(Executor &sql, std::string_view agent_id) {
    return read_all(sql.execute(NEXUS_SELECT_KEY "WHERE agent_id = $1 AND kind = 'api_key' "
                                                 "ORDER BY created_at DESC, key_id LIMIT 1000",
                                {text(agent_id)}),
                    [](const Row &row) {
                        RowReader in(row);
                        AgentKey key = take_key(in);
                        return in.finish().map([&] { return std::move(key); });
                    });
}

Result<std::vector<std::string>> list_hashes(Executor &sql, std::string_view agent_id) {
    return read_all(
        sql.execute(
            "SELECT sha256 FROM agent_keys WHERE agent_id = $1 ORDER BY created_at DESC, key_id LIMIT 1000",
            {text(agent_id)}),
        [](const Row &row) {
            RowReader in(row);
            std::string hash = in.text();
            return in.finish().map([&] { return std::move(hash); });
        });
}

Result<AgentWithKey> find_by_key(Executor &sql, std::string_view sha256_hex) {
    Result<Rows> rows = sql.execute(
        "SELECT a.id, a.workspace_id, a.name, a.grants, a.connections, a.providers, a.aliases, a.generation, "
        "a.created_at, "
        "a.updated_at, a.revoked_at, COALESCE(w.suspended_at, 0), k.key_id, k.agent_id, k.sha256, "
        "k.created_at, k.expires_at, k.revoked_at, k.last_used_at, k.lifetime_ms "
        "FROM agent_keys k JOIN agents a ON a.id = k.agent_id "
        "LEFT JOIN workspaces w ON w.id = a.workspace_id WHERE k.sha256 = $1",
        {text(sha256_hex)});
    if (!rows) {
        return fail(rows.error());
    }
    if (rows->empty()) {
        return fail(Errc::kInvalidApiKey, "the API key is not known");
    }
    RowReader in(rows->rows.front());
    AgentWithKey found;
    found.agent = take_agent(in);
    found.key = take_key(in);
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return found;
}

}  // namespace agents
}  // namespace nexus::control::store
