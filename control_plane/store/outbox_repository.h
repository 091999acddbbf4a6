// The cache outbox: which records in Redis are behind the database. At most one row per record, so it cannot
// outgrow what it describes; it survives restarts, and several nexusd may drain it at once (writes are
// generation guarded).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control_plane/store/database.h"
#include "shared/clock.h"
#include "shared/redis/keys.h"

namespace nexus::control::store {

struct OutboxEntry {
    redis::EventKind kind = redis::EventKind::kToken;
    std::string id;  // connection id, or SHA-256 hex of the API key, identity or issuer
    int64_t generation = 0;
    int64_t attempts = 0;
    UnixMs created_at = 0;
};

namespace outbox {

/// Inserts, or raises the generation of the row that waits already (and makes it due now).
Result<void> enqueue(Executor &sql, redis::EventKind kind, std::string_view id, int64_t generation,
                     UnixMs now);
/// One row per living or revoked key and identity of the agent.
Result<void> enqueue_agent_keys(Executor &sql, std::string_view agent_id, int64_t generation, UnixMs now);
/// One row per living identity of an issuer, with its agent's generation.
Result<void> enqueue_issuer_identities(Executor &sql, std::string_view issuer, UnixMs now);
/// For a row that is behind what Redis holds: a backup was put back, or a standby took over that lacked the
/// last changes. Its generation becomes one above `held`, and its records wait. returns whether it was behind
Result<bool> catch_up(Transaction &sql, redis::EventKind kind, std::string_view id, int64_t held, UnixMs now);
/// Rows that are due, oldest first; of one instant callers before the issuers that they are known by.
Result<std::vector<OutboxEntry>> due(Executor &sql, UnixMs now, int64_t limit);
/// Removes the row unless a newer generation has joined it meanwhile.
Result<void> done(Executor &sql, const OutboxEntry &entry);
Result<void> postpone(Executor &sql, const OutboxEntry &entry, UnixMs next_attempt_at);
Result<int64_t> depth(Executor &sql);

}  // namespace outbox
}  // namespace nexus::control::store
