// Removing old audit rows: the head takes over as the anchor what the first row that stays was chained to.
#include <algorithm>

#include "control_plane/store/audit_head.h"
#include "control_plane/store/audit_rows.h"

namespace nexus::control::store::audit_log {

namespace {

struct End {
    int64_t sequence = 0;  // last row to go; 0 = none
    std::string hash;
};

/// Only a stretch without a gap from the chain's beginning may go, and never the newest row.
Result<End> find_end(Transaction &sql, const audit::Head &head, UnixMs before, int64_t limit) {
    Result<Rows> rows = sql.execute(
        "SELECT sequence, created_at, hash FROM audit_events WHERE sequence >= $1 AND sequence < $2 "
        "ORDER BY sequence LIMIT $3",
        {head.first_sequence, head.sequence, limit});
    if (!rows) {
        return fail(rows.error());
    }
    End end;
    int64_t expected = head.first_sequence;
    for (const Row &row : rows->rows) {
        RowReader in(row);
        const int64_t sequence = in.integer();
        const UnixMs created_at = in.integer();
        Result<std::string> hash = parse_hash(in.text());
        if (!in.finish() || !hash || sequence != expected || created_at >= before) {
            break;  // a chain with a hole is left as it is, for verify to find
        }
        end.sequence = sequence;
        end.hash = std::move(*hash);
        ++expected;
    }
    return end;
}

}  // namespace

Result<int64_t> trim(Database &database, UnixMs before, int64_t limit, UnixMs now) {
    return database.transact([&](Transaction &sql) -> Result<int64_t> {
        Result<audit::Head> head = lock_head(sql);
        if (!head) {
            return fail(head.error());
        }
        if (sql.audit_chain() != nullptr && !sql.audit_chain()->is_own(*head)) {
            return int64_t{0};  // evidence stays
        }
        Result<End> end = find_end(sql, *head, before, std::clamp<int64_t>(limit, 1, 10000));
        if (!end) {
            return fail(end.error());
        }
        if (end->sequence == 0) {
            return int64_t{0};
        }
        Result<Rows> deleted = sql.execute("DELETE FROM audit_events WHERE sequence >= $1 AND sequence <= $2",
                                           {head->first_sequence, end->sequence});
        if (!deleted) {
            return fail(deleted.error());
        }
        audit::Event event;
        event.type = audit::kAuditTrimmed;
        event.actor = "system";
        event.data = R"({"through":)" + std::to_string(end->sequence) + R"(,"rows":)" +
                     std::to_string(deleted->affected) + "}";
        head->first_sequence = end->sequence + 1;
        head->anchor = end->hash;
        if (Result<void> moved = put_head(sql, std::move(*head)); !moved) {
            return fail(moved.error());
        }
        if (Result<void> noted = append(sql, event, now); !noted) {
            return fail(noted.error());
        }
        return deleted->affected;
    });
}

}  // namespace nexus::control::store::audit_log
