// The cache outbox: upserts that only ever raise a generation, deletes that spare a newer one.
#include "control_plane/store/outbox_repository.h"

#include "control_plane/store/cursor.h"
#include "control_plane/store/written.h"

namespace nexus::control::store::outbox {

namespace {

#define NEXUS_OUTBOX_UPSERT                                                                             \
    "ON CONFLICT (kind, target_id) DO UPDATE SET generation = CASE WHEN excluded.generation > "         \
    "cache_outbox.generation THEN excluded.generation ELSE cache_outbox.generation END, attempts = 0, " \
    "next_attempt_at = excluded.next_attempt_at"

Value kind_text(redis::EventKind kind) {
    return text(redis::to_string(kind));
}

std::string_view raise_statement(redis::EventKind kind) {
    switch (kind) {
        case redis::EventKind::kToken:
            return "UPDATE connections SET generation = $2 WHERE id = $1 AND generation < $2 RETURNING id";
        case redis::EventKind::kIssuer:
            return "UPDATE trusted_issuers SET generation = $2 WHERE sha256 = $1 AND generation < $2 "
                   "RETURNING "
                   "id";
        case redis::EventKind::kCaller:
            break;
    }
    return "UPDATE agents SET generation = $2 WHERE generation < $2 AND id = (SELECT agent_id FROM "
           "agent_keys "
           "WHERE sha256 = $1) RETURNING id";
}

Result<OutboxEntry> read_entry(const Row &row) {
    RowReader in(row);
    OutboxEntry entry;
    entry.kind = redis::parse_event_kind(in.text()).value_or(redis::EventKind::kToken);
    entry.id = in.text();
    entry.generation = in.integer();
    entry.attempts = in.integer();
    entry.created_at = in.integer();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return entry;
}

}  // namespace

Result<void> enqueue(Executor &sql, redis::EventKind kind, std::string_view id, int64_t generation,
                     UnixMs now) {
    return written(sql.execute(
        "INSERT INTO cache_outbox (kind, target_id, generation, attempts, created_at, next_attempt_at) "
        "VALUES ($1, $2, $3, 0, $4, $4) " NEXUS_OUTBOX_UPSERT,
        {kind_text(kind), text(id), generation, now}));
}

Result<void> enqueue_agent_keys(Executor &sql, std::string_view agent_id, int64_t generation, UnixMs now) {
    return written(sql.execute(
        "INSERT INTO cache_outbox (kind, target_id, generation, attempts, created_at, next_attempt_at) "
        "SELECT 'agent', sha256, $2, 0, $3, $3 FROM agent_keys WHERE agent_id = $1 ORDER BY "
        "sha256 " NEXUS_OUTBOX_UPSERT,
        {text(agent_id), generation, now}));
}

Result<void> enqueue_issuer_identities(Executor &sql, std::string_view issuer, UnixMs now) {
    return written(sql.execute(
        "INSERT INTO cache_outbox (kind, target_id, generation, attempts, created_at, next_attempt_at) "
        "SELECT 'agent', k.sha256, a.generation, 0, $2, $2 FROM agent_keys k JOIN agents a ON a.id = "
        "k.agent_id WHERE k.kind = 'jwt' AND k.issuer = $1 AND k.revoked_at = 0 ORDER BY "
        "k.sha256 " NEXUS_OUTBOX_UPSERT,
        {text(issuer), now}));
}

Result<bool> catch_up(Transaction &sql, redis::EventKind kind, std::string_view id, int64_t held,
                      UnixMs now) {
    const int64_t generation = held + 1;
    Result<Rows> raised = sql.execute(raise_statement(kind), {text(id), generation});
    if (!raised) {
        return fail(raised.error());
    }
    if (raised->empty()) {
        return false;
    }
    RowReader in(raised->rows.front());
    const std::string agent_id = in.text();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return (kind == redis::EventKind::kCaller ? enqueue_agent_keys(sql, agent_id, generation, now)
                                              : enqueue(sql, kind, id, generation, now))
        .map([] { return true; });
}

Result<std::vector<OutboxEntry>> due(Executor &sql, UnixMs now, int64_t limit) {
    return read_all(sql.execute("SELECT kind, target_id, generation, attempts, created_at FROM cache_outbox "
                                "WHERE next_attempt_at <= $1 ORDER BY next_attempt_at, kind, target_id LIMIT $2",
                                {now, bounded_limit(limit)}),
                    read_entry);
}

Result<void> done(Executor &sql, const OutboxEntry &entry) {
    return written(
        sql.execute("DELETE FROM cache_outbox WHERE kind = $1 AND target_id = $2 AND generation <= $3",
                    {kind_text(entry.kind), text(entry.id), entry.generation}));
}

Result<void> postpone(Executor &sql, const OutboxEntry &entry, UnixMs next_attempt_at) {
    return written(
        sql.execute("UPDATE cache_outbox SET attempts = attempts + 1, next_attempt_at = $4 "
                    "WHERE kind = $1 AND target_id = $2 AND generation <= $3",
                    {kind_text(entry.kind), text(entry.id), entry.generation, next_attempt_at}));
}

Result<int64_t> depth(Executor &sql) {
    Result<Rows> rows = sql.execute("SELECT COUNT(*) FROM cache_outbox");
    if (!rows) {
        return fail(rows.error());
    }
    if (rows->empty()) {
        return 0;
    }
    RowReader in(rows->rows.front());
    const int64_t count = in.integer();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return count;
}

}  // namespace nexus::control::store::outbox
