// Refresh leases: one owner at a time, known by an epoch that only grows, so that a late writer is noticed.
#include "control_plane/store/connection_rows.h"
#include "control_plane/store/lease.h"

namespace nexus::control::store::connections {

Result<std::optional<int64_t>> claim_refresh_lease(Executor &sql, std::string_view id, std::string_view owner,
                                                   UnixMs now, int64_t lease_ms) {
    Result<Rows> claimed = sql.execute(
        "UPDATE connections SET refresh_epoch = refresh_epoch + 1, refresh_owner = $2, refresh_lease_until = "
        "$4 "
        "WHERE id = $1 AND state = 'active' AND refresh_lease_until <= $3 RETURNING refresh_epoch",
        {text(id), text(owner), now, now + lease_ms});
    return claimed_epoch(claimed);
}

Result<Connection> commit_refresh(Transaction &sql, std::string_view id, int64_t expected_generation,
                                  int64_t epoch, const ConnectionChange &change, UnixMs now) {
    if (epoch <= 0) {
        return fail(Errc::kInternal, "a refresh is committed under its epoch");
    }
    return write_change(sql, id, expected_generation, epoch, change, now);
}

Result<void> release_refresh_lease(Executor &sql, std::string_view id, int64_t epoch, UnixMs now) {
    Result<Rows> released = sql.execute(
        "UPDATE connections SET refresh_lease_until = 0, refresh_owner = '', updated_at = $3 "
        "WHERE id = $1 AND refresh_epoch = $2",
        {text(id), epoch, now});
    if (!released) {
        return fail(released.error());
    }
    return {};
}

}  // namespace nexus::control::store::connections
