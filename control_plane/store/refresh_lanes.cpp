// Lanes in SQL: see refresh_lanes.h.
#include "control_plane/store/refresh_lanes.h"

#include "control_plane/store/written.h"

namespace nexus::control::store::lanes {

namespace {

Value name_of(std::string_view provider_id, int64_t limit) {
    return limit == 0 ? std::string(provider_id) : std::string(provider_id) + "#" + std::to_string(limit);
}

Result<int64_t> one_number(const Result<Rows> &rows) {
    if (!rows) {
        return fail(rows.error());
    }
    if (rows->empty()) {
        return fail(Errc::kStoreUnavailable, "the database did not answer with the lane's row");
    }
    RowReader in(rows->rows.front());
    const int64_t number = in.integer();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return number;
}

}  // namespace

Result<Lane> get(Executor &sql, std::string_view provider_id, int64_t limit) {
    Result<Rows> rows =
        sql.execute("SELECT slot_us, blocked_until, failures, reason FROM refresh_lanes WHERE lane = $1",
                    {name_of(provider_id, limit)});
    if (!rows) {
        return fail(rows.error());
    }
    Lane lane;
    if (rows->empty()) {
        return lane;
    }
    RowReader in(rows->rows.front());
    lane.slot_us = in.integer();
    lane.blocked_until = in.integer();
    lane.failures = in.integer();
    lane.reason = in.text();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return lane;
}

Result<int64_t> reserve(Executor &sql, std::string_view provider_id, int64_t limit, int64_t now_us,
                        int64_t count, int64_t interval_us) {
    const int64_t length = count * interval_us;
    return one_number(
               sql.execute(
                   "INSERT INTO refresh_lanes (lane, slot_us, blocked_until, failures, reason) "
                   "VALUES ($1, $2 + $3, 0, 0, '') ON CONFLICT (lane) DO UPDATE SET slot_us = "
                   "CASE WHEN refresh_lanes.slot_us < $2 THEN $2 + $3 ELSE refresh_lanes.slot_us + $3 END "
                   "RETURNING slot_us",
                   {name_of(provider_id, limit), now_us, length}))
        .map([&](int64_t end) { return end - length; });
}

Result<int64_t> count_failure(Executor &sql, std::string_view provider_id, std::string_view reason) {
    return one_number(
        sql.execute("INSERT INTO refresh_lanes (lane, slot_us, blocked_until, failures, reason) "
                    "VALUES ($1, 0, 0, 1, $2) ON CONFLICT (lane) DO UPDATE SET failures = "
                    "refresh_lanes.failures + 1, reason = excluded.reason RETURNING failures",
                    {text(provider_id), text(reason)}));
}

Result<void> block(Executor &sql, std::string_view provider_id, UnixMs until) {
    return written(
        sql.execute("UPDATE refresh_lanes SET blocked_until = $2 WHERE lane = $1 AND blocked_until < $2 AND "
                    "failures > 0",
                    {text(provider_id), until}));
}

Result<bool> probe(Executor &sql, std::string_view provider_id, UnixMs seen_blocked_until, UnixMs until) {
    return changed_one(
        sql.execute("UPDATE refresh_lanes SET blocked_until = $3 WHERE lane = $1 AND blocked_until = $2",
                    {text(provider_id), seen_blocked_until, until}));
}

Result<void> clear(Executor &sql, std::string_view provider_id) {
    return written(
        sql.execute("UPDATE refresh_lanes SET blocked_until = 0, failures = 0, reason = '' WHERE lane = $1 "
                    "AND (failures > 0 OR blocked_until > 0)",
                    {text(provider_id)}));
}

}  // namespace nexus::control::store::lanes
