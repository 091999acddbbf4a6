// Identities of agents: see agent_identity_repository.h.
#include "control_plane/store/agent_identity_repository.h"

#include "control_plane/store/outbox_repository.h"
#include "control_plane/store/written.h"

namespace nexus::control::store::agent_identities {

namespace {

/// The row that holds an identity's hash, and the generation of the agent that it is of.
struct Holder {
    std::string agent_id;
    int64_t generation = 0;
    bool is_living = false;
};

Result<std::optional<Holder>> holder_of(Transaction &sql, std::string_view sha256) {
    Result<Rows> rows = sql.execute(
        "SELECT a.id, a.generation, CASE WHEN a.revoked_at = 0 AND k.revoked_at = 0 THEN 1 ELSE 0 END "
        "FROM agent_keys k JOIN agents a ON a.id = k.agent_id WHERE k.sha256 = $1",
        {text(sha256)});
    if (!rows) {
        return fail(rows.error());
    }
    if (rows->empty()) {
        return std::optional<Holder>{};
    }
    RowReader in(rows->rows.front());
    Holder holder;
    holder.agent_id = in.text();
    holder.generation = in.integer();
    holder.is_living = in.integer() != 0;
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return holder;
}

Result<int64_t> count_living(Transaction &sql, std::string_view agent_id) {
    Result<Rows> rows = sql.execute(
        "SELECT COUNT(*) FROM agent_keys WHERE agent_id = $1 AND kind <> 'api_key' AND revoked_at = 0",
        {text(agent_id)});
    if (!rows) {
        return fail(rows.error());
    }
    RowReader in(rows->rows.front());
    const int64_t count = in.integer();
    Result<void> read = in.finish();
    return read ? Result<int64_t>{count} : fail(read.error());
}

Result<void> write(Transaction &sql, const AgentIdentity &i, bool is_there) {
    const std::string kind{caller::to_string(i.kind)};
    if (is_there) {
        return written(
            sql.execute("UPDATE agent_keys SET key_id = $1, agent_id = $2, kind = $4, issuer = $5, subject = "
                        "$6, created_at = $7, "
                        "expires_at = 0, revoked_at = 0, last_used_at = 0 WHERE sha256 = $3",
                        {i.id, i.agent_id, i.sha256, kind, i.issuer, i.subject, i.created_at}));
    }
    return written(
        sql.execute("INSERT INTO agent_keys (key_id, agent_id, sha256, kind, issuer, subject, created_at, "
                    "expires_at, revoked_at, "
                    "last_used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0)",
                    {i.id, i.agent_id, i.sha256, kind, i.issuer, i.subject, i.created_at}));
}

Result<AgentIdentity> read_identity(const Row &row) {
    RowReader in(row);
    AgentIdentity identity;
    identity.id = in.text();
    identity.agent_id = in.text();
    identity.kind = caller::parse_method(in.text()).value_or(caller::Method::kJwt);
    identity.issuer = in.text();
    identity.subject = in.text();
    identity.sha256 = in.text();
    identity.created_at = in.integer();
    identity.last_used_at = in.integer();
    Result<void> read = in.finish();
    return read ? Result<AgentIdentity>{std::move(identity)} : fail(read.error());
}

Result<EndedIdentities> read_ended(const Row &row) {
    RowReader in(row);
    EndedIdentities one;
    one.workspace_id = in.text();
    one.count = in.integer();
    return in.finish().map([&] { return std::move(one); });
}

Result<std::vector<EndedIdentities>> count_of_issuer(Transaction &sql, std::string_view issuer) {
    return read_all(
        sql.execute("SELECT a.workspace_id, COUNT(*) FROM agent_keys k JOIN agents a ON a.id = k.agent_id "
                    "WHERE k.kind = 'jwt' AND k.issuer = $1 AND k.revoked_at = 0 AND a.revoked_at = 0 "
                    "GROUP BY a.workspace_id ORDER BY a.workspace_id",
                    {text(issuer)}),
        read_ended);
}

}  // namespace

Result<Agent> add(Transaction &sql, const AgentIdentity &identity, UnixMs now) {
    Result<Agent> agent = agents::bump(sql, identity.agent_id, now);  // first: it locks the agent's row
    if (!agent) {
        return agent;
    }
    if (agent->revoked_at != 0) {
        return fail(Errc::kAgentNotFound, "there is no such agent");
    }
    const Result<int64_t> count = count_living(sql, identity.agent_id);
    if (!count) {
        return fail(count.error());
    }
    if (*count >= kMaxOfAgent) {
        return fail(Errc::kConflict, "the agent has 64 identities already");
    }
    const Result<std::optional<Holder>> holder = holder_of(sql, identity.sha256);
    if (!holder) {
        return fail(holder.error());
    }
    if (*holder && (*holder)->is_living) {
        return fail(Errc::kConflict, "an agent is known by this identity already");
    }
    if (*holder && (*holder)->generation >= agent->generation) {
        agent = agents::bump(sql, identity.agent_id, now, (*holder)->generation);
    }
    if (Result<void> done = agent ? write(sql, identity, holder->has_value()) : fail(agent.error()); !done) {
        return fail(done.error());
    }
    return agent;
}

Result<std::vector<AgentIdentity>> list(Executor &sql, std::string_view agent_id) {
    return read_all(
        sql.execute("SELECT key_id, agent_id, kind, issuer, subject, sha256, created_at, last_used_at FROM "
                    "agent_keys WHERE agent_id = $1 AND kind <> 'api_key' AND revoked_at = 0 "
                    "ORDER BY created_at DESC, key_id LIMIT 1000",
                    {text(agent_id)}),
        read_identity);
}

Result<Agent> remove(Transaction &sql, std::string_view agent_id, std::string_view id, UnixMs now) {
    Result<Agent> agent = agents::bump(sql, agent_id, now);
    if (!agent) {
        return agent;
    }
    Result<Rows> updated = sql.execute(
        "UPDATE agent_keys SET revoked_at = $3 WHERE key_id = $1 AND agent_id = $2 AND kind <> 'api_key' "
        "AND revoked_at = 0",
        {text(id), text(agent_id), now});
    if (!updated) {
        return fail(updated.error());
    }
    if (updated->affected == 0) {
        return fail(Errc::kAgentNotFound, "the agent has no such identity");
    }
    return agent;
}

Result<uint32_t> grants_by_issuer(Executor &sql, std::string_view issuer) {
    Result<Rows> rows = sql.execute(
        "SELECT DISTINCT a.grants FROM agent_keys k JOIN agents a ON a.id = k.agent_id "
        "WHERE k.kind = 'jwt' AND k.issuer = $1 AND k.revoked_at = 0 AND a.revoked_at = 0",
        {text(issuer)});
    if (!rows) {
        return fail(rows.error());
    }
    uint32_t grants = 0;
    for (const Row &row : rows->rows) {
        RowReader in(row);
        grants |= static_cast<uint32_t>(in.integer());
        if (Result<void> read = in.finish(); !read) {
            return fail(read.error());
        }
    }
    return grants;
}

Result<std::vector<EndedIdentities>> end_of_issuer(Transaction &sql, std::string_view issuer, UnixMs now) {
    Result<Rows> bumped =  // first: it locks the agents' rows
        sql.execute(
            "UPDATE agents SET generation = generation + 1, updated_at = $2 WHERE id IN (SELECT agent_id "
            "FROM "
            "agent_keys WHERE kind = 'jwt' AND issuer = $1 AND revoked_at = 0)",
            {text(issuer), now});
    if (!bumped) {
        return fail(bumped.error());
    }
    if (bumped->affected == 0) {
        return std::vector<EndedIdentities>{};
    }
    Result<std::vector<EndedIdentities>> counts = count_of_issuer(sql, issuer);
    if (!counts) {
        return counts;
    }
    Result<void> ended = outbox::enqueue_issuer_identities(sql, issuer, now).and_then([&] {
        return written(
            sql.execute("UPDATE agent_keys SET revoked_at = $2 WHERE kind = 'jwt' AND issuer = $1 "
                        "AND revoked_at = 0",
                        {text(issuer), now}));
    });
    return ended ? std::move(counts) : fail(ended.error());
}

}  // namespace nexus::control::store::agent_identities
