// Removing old audit rows: the head takes over as the anchor what the first row that stays was chained to.
#include <algorithm>

#include "control_plane/log/log.h"
#include "control_plane/store/audit_head.h"
#include "control_plane/store/audit_link.h"
#include "control_plane/store/audit_rows.h"

namespace nexus::control::store::audit_log {

namespace {

/// The last row to go; sequence 0 = none. Only what `verify` finds nothing wrong with may go, up to a row
/// that still fits and stays: else a row could be changed, dated back, and so be taken away with its traces.
Result<AuditLink> find_end(Transaction &sql, const audit::Head &head, UnixMs before, int64_t limit) {
    Result<std::vector<audit::StoredEvent>> rows =
        read_events(sql.execute("SELECT " NEXUS_AUDIT_COLUMNS " FROM audit_events "
                                "WHERE sequence >= $1 AND sequence <= $2 ORDER BY sequence LIMIT $3",
                                {head.first_sequence, head.sequence, limit + 1}));
    if (!rows) {
        return fail(rows.error());
    }
    AuditLink end;
    AuditLink link{head.first_sequence - 1, head.anchor, false};
    bool may_go = false;
    for (const audit::StoredEvent &row : *rows) {
        if (const std::string problem = link.misfit(sql.audit_chain(), row); !problem.empty()) {
            log::error("audit_trim_stopped", {{"reason", problem}});
            break;
        }
        if (may_go) {
            end = link;
        }
        may_go = row.created_at < before;
        if (!may_go) {
            break;
        }
        link.move_to(row);
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
        Result<AuditLink> end = find_end(sql, *head, before, std::clamp<int64_t>(limit, 1, 10000));
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
