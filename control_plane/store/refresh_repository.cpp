// The refresh queue in SQL: see refresh_repository.h.
#include "control_plane/store/refresh_repository.h"

#include "control_plane/store/written.h"

#include <algorithm>

namespace nexus::control::store::refreshes {

namespace {

#define NEXUS_REFRESH_COLUMNS                                                                               \
    "connection_id, provider_id, workspace_id, due_at, wanted_at, epoch, lease_until, owner, token_epoch, " \
    "sent_at, rate_at, attempts, reason"

Result<Refresh> read_refresh(const Row &row) {
    RowReader in(row);
    Refresh refresh;
    refresh.connection_id = in.text();
    refresh.provider_id = in.text();
    refresh.workspace_id = in.text();
    refresh.due_at = in.integer();
    refresh.wanted_at = in.integer();
    refresh.epoch = in.integer();
    refresh.lease_until = in.integer();
    refresh.owner = in.text();
    refresh.token_epoch = in.integer();
    refresh.sent_at = in.integer();
    refresh.rate_at = in.integer();
    refresh.attempts = in.integer();
    refresh.reason = in.text();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return refresh;
}

/// "$4, $5, ..." for these ids, bound behind what is bound already. Few different lengths, so that statements
/// stay prepared: the last id fills up.
std::string bind_ids(std::span<const std::string> ids, std::vector<Value> &parameters) {
    size_t room = 1;
    while (room < ids.size()) {
        room *= 4;
    }
    std::string places;
    for (size_t i = 0; i < room; ++i) {
        parameters.emplace_back(ids[std::min(i, ids.size() - 1)]);
        places.append(i == 0 ? "$" : ", $").append(std::to_string(parameters.size()));
    }
    return places;
}

}  // namespace

Result<void> begin(Executor &sql, const Connection &connection, UnixMs due_at) {
    return written(sql.execute(
        "INSERT INTO refreshes (" NEXUS_REFRESH_COLUMNS
        ") VALUES ($1, $2, $3, $4, $4, 1, 0, '', 1, 0, 0, 0, '') "
        "ON CONFLICT (connection_id) DO UPDATE SET due_at = excluded.due_at, wanted_at = excluded.wanted_at, "
        "epoch = refreshes.epoch + 1, token_epoch = refreshes.epoch + 1, lease_until = 0, owner = '', "
        "sent_at = 0, attempts = 0, reason = ''",
        {connection.id, connection.provider_id, connection.workspace_id, due_at}));
}

Result<void> supersede(Executor &sql, std::string_view connection_id) {
    return written(sql.execute(
        "UPDATE refreshes SET due_at = 0, wanted_at = 0, epoch = epoch + 1, token_epoch = epoch + 1, "
        "lease_until = 0, owner = '', sent_at = 0, attempts = 0, reason = '' WHERE connection_id = $1",
        {text(connection_id)}));
}

Result<void> rest(Executor &sql, std::string_view connection_id) {
    return written(sql.execute("UPDATE refreshes SET due_at = 0, wanted_at = 0 WHERE connection_id = $1",
                               {text(connection_id)}));
}

Result<Refresh> get(Executor &sql, std::string_view connection_id) {
    Result<Rows> rows = sql.execute(
        "SELECT " NEXUS_REFRESH_COLUMNS " FROM refreshes WHERE connection_id = $1", {text(connection_id)});
    if (!rows) {
        return fail(rows.error());
    }
    if (rows->empty()) {
        return fail(Errc::kNoRefreshToken, "there is nothing to refresh this connection with");
    }
    return read_refresh(rows->rows.front());
}

Result<std::optional<Refresh>> claim(Executor &sql, std::string_view connection_id, std::string_view owner,
                                     UnixMs now, int64_t lease_ms) {
    Result<Rows> rows = sql.execute(
        "UPDATE refreshes SET epoch = epoch + 1, owner = $2, lease_until = $4, due_at = $4 "
        "WHERE connection_id = $1 AND lease_until <= $3 RETURNING " NEXUS_REFRESH_COLUMNS,
        {text(connection_id), text(owner), now, now + lease_ms});
    if (!rows) {
        return fail(rows.error());
    }
    if (rows->empty()) {
        return std::nullopt;
    }
    return read_refresh(rows->rows.front()).map([](Refresh row) {
        return std::optional<Refresh>{std::move(row)};
    });
}

Result<std::vector<Refresh>> claim_due(Database &database, std::span<const std::string> connection_ids,
                                       std::string_view owner, UnixMs now, int64_t lease_ms) {
    if (connection_ids.empty()) {
        return std::vector<Refresh>{};
    }
    std::vector<Value> parameters{text(owner), now, now + lease_ms};
    const std::string places =
        bind_ids(connection_ids.first(std::min(connection_ids.size(), kMaxClaims)), parameters);
    const std::string free_rows =
        "connection_id IN (" + places + ") AND lease_until <= $2 AND due_at > 0 AND due_at <= $2";
    // Rows that another nexusd is just claiming are its: nobody waits for it. SQLite has one writer anyway.
    const std::string which = database.kind() == DatabaseKind::kPostgres
                                  ? "connection_id IN (SELECT connection_id FROM refreshes WHERE " +
                                        free_rows + " FOR UPDATE SKIP LOCKED)"
                                  : free_rows;
    return read_all(
        database.execute(
            "UPDATE refreshes SET epoch = epoch + 1, owner = $1, lease_until = $3, due_at = $3 WHERE " +
                which + " RETURNING " NEXUS_REFRESH_COLUMNS,
            parameters),
        read_refresh);
}

Result<bool> mark_sent(Executor &sql, const Refresh &claimed, UnixMs now, UnixMs rate_at) {
    return changed_one(sql.execute(
        "UPDATE refreshes SET sent_at = CASE WHEN sent_at = 0 THEN $4 ELSE sent_at END, rate_at = $5 "
        "WHERE connection_id = $1 AND epoch = $2 AND token_epoch = $3 AND lease_until > $4",
        {claimed.connection_id, claimed.epoch, claimed.token_epoch, now, rate_at}));
}

Result<void> renew(Transaction &sql, const Refresh &row) {
    return written(sql.execute(
        "UPDATE refreshes SET due_at = CASE WHEN epoch = $2 THEN $3 ELSE due_at END, wanted_at = $4, "
        "token_epoch = $5, sent_at = 0, attempts = 0, reason = '', "
        "lease_until = CASE WHEN epoch = $2 THEN 0 ELSE lease_until END, "
        "owner = CASE WHEN epoch = $2 THEN '' ELSE owner END WHERE connection_id = $1",
        {row.connection_id, row.epoch, row.due_at, row.wanted_at, row.token_epoch}));
}

Result<void> give_back(Executor &sql, const Refresh &row) {
    return written(sql.execute(
        "UPDATE refreshes SET due_at = $4, sent_at = CASE WHEN token_epoch = $3 THEN $5 ELSE 0 END, attempts "
        "= $6, "
        "reason = $7, lease_until = 0, owner = '' WHERE connection_id = $1 AND epoch = $2",
        {row.connection_id, row.epoch, row.token_epoch, row.due_at, row.sent_at, row.attempts, row.reason}));
}

namespace {

Result<DueProvider> read_due_provider(const Row &row) {
    RowReader in(row);
    DueProvider one;
    one.provider_id = in.text();
    one.due_at = in.integer();
    return in.finish().map([&] { return std::move(one); });
}

Result<DueRow> read_due_row(const Row &row) {
    RowReader in(row);
    DueRow one;
    one.connection_id = in.text();
    one.workspace_id = in.text();
    one.due_at = in.integer();
    return in.finish().map([&] { return std::move(one); });
}

}  // namespace

Result<std::vector<DueProvider>> due_providers(Executor &sql) {
    return read_all(
        sql.execute(
            "WITH RECURSIVE queue (provider_id) AS ("
            "SELECT MIN(provider_id) FROM refreshes WHERE due_at > 0 UNION ALL "
            "SELECT (SELECT MIN(provider_id) FROM refreshes WHERE due_at > 0 AND provider_id > "
            "queue.provider_id) "
            "FROM queue WHERE queue.provider_id IS NOT NULL) "
            "SELECT provider_id, (SELECT MIN(due_at) FROM refreshes WHERE due_at > 0 AND provider_id = "
            "queue.provider_id) FROM queue WHERE provider_id IS NOT NULL"),
        read_due_provider);
}

#define NEXUS_SELECT_DUE                                                                               \
    "SELECT connection_id, workspace_id, due_at FROM refreshes WHERE provider_id = $1 AND due_at > 0 " \
    "AND due_at <= $2 "

Result<std::vector<DueRow>> due_rows(Executor &sql, std::string_view provider_id, UnixMs from, UnixMs now,
                                     int64_t limit) {
    return read_all(sql.execute(NEXUS_SELECT_DUE "AND due_at >= $3 ORDER BY due_at LIMIT $4",
                                {text(provider_id), now, from, limit}),
                    read_due_row);
}

Result<std::vector<DueRow>> open_rows(Executor &sql, std::string_view provider_id, UnixMs now,
                                      int64_t limit) {
    return read_all(sql.execute(NEXUS_SELECT_DUE "AND sent_at > 0 ORDER BY due_at LIMIT $3",
                                {text(provider_id), now, limit}),
                    read_due_row);
}

}  // namespace nexus::control::store::refreshes
