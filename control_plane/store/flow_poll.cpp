// Turns of a device flow: see flow_poll.h.
#include "control_plane/store/flow_poll.h"

#include "control_plane/store/connection_rows.h"

namespace nexus::control::store::connections {

Result<std::optional<int64_t>> claim_flow_poll(Executor &sql, std::string_view id, std::string_view flow_id,
                                               UnixMs now, UnixMs until) {
    Result<Rows> claimed = sql.execute(
        "UPDATE connections SET flow_poll_at = $4 WHERE id = $1 AND flow_id = $2 AND flow_poll_at <= $3 "
        "RETURNING flow_poll_interval_s",
        {text(id), text(flow_id), now, until});
    if (!claimed) {
        return fail(claimed.error());
    }
    if (claimed->empty()) {
        return std::nullopt;
    }
    RowReader in(claimed->rows.front());
    const int64_t interval_s = in.integer();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return interval_s;
}

Result<void> schedule_flow_poll(Executor &sql, std::string_view id, std::string_view flow_id, UnixMs next,
                                int64_t interval_s) {
    Result<Rows> updated = sql.execute(
        "UPDATE connections SET flow_poll_at = $3, flow_poll_interval_s = $4 WHERE id = $1 AND flow_id = $2",
        {text(id), text(flow_id), next, interval_s});
    return updated ? Result<void>{} : fail(updated.error());
}

}  // namespace nexus::control::store::connections
