// Consent flows of connections: begun, looked at, used up once.
#include "control_plane/store/connection_rows.h"
#include "shared/crypto/keyring.h"

namespace nexus::control::store::connections {

namespace {

tl::unexpected<Error> invalid_state() {
    return fail(Errc::kInvalidState, "this link is unknown, expired or was used already");
}

}  // namespace

Result<void> start_flow(Executor &sql, std::string_view id, const Flow &flow, UnixMs now) {
    Result<Rows> updated = sql.execute(
        "UPDATE connections SET flow_id = $2, flow_expires_at = $3, code_verifier_box = $4, nonce = $5, "
        "return_url = $6, flow_scopes = $7, updated_at = $8, flow_variables = $9, "
        "flow_allows_other_account = $10, code_verifier_key_id = $11, flow_poll_at = 0, "
        "flow_poll_interval_s = 0 "
        "WHERE id = $1 AND state <> 'revoked' AND deleted_at = 0",
        {text(id), flow.flow_id, flow.flow_expires_at, bytes_or_null(flow.code_verifier_box), flow.nonce,
         flow.return_url, store::list(flow.scopes), now, flow.variables, flag(flow.allows_other_account),
         crypto::box_key_id(flow.code_verifier_box)});
    if (!updated) {
        return fail(updated.error());
    }
    if (updated->affected == 1) {
        return {};
    }
    if (Result<Connection> connection = get(sql, id); !connection) {
        return fail(connection.error());
    }
    return fail(Errc::kConnectionRevoked, "the connection is revoked");
}

Result<Connection> peek_flow(Executor &sql, std::string_view id, std::string_view flow_id, UnixMs now) {
    if (flow_id.empty()) {
        return invalid_state();  // "" is "no flow" in the row
    }
    Result<Rows> rows =
        sql.execute(NEXUS_SELECT_CONNECTION
                    "WHERE id = $1 AND flow_id = $2 AND flow_expires_at > $3 AND state <> 'revoked' AND "
                    "deleted_at = 0",
                    {text(id), text(flow_id), now});
    if (!rows) {
        return fail(rows.error());
    }
    return rows->empty() ? invalid_state() : read_connection(rows->rows.front());
}

Result<Connection> take_flow(Transaction &sql, std::string_view id, std::string_view flow_id, UnixMs now) {
    Result<Connection> connection = peek_flow(sql, id, flow_id, now);
    if (!connection) {
        return connection;
    }
    // Whoever comes second waits for the first one's commit here and then finds no such flow.
    Result<Rows> cleared = sql.execute(
        "UPDATE connections SET flow_id = '', flow_expires_at = 0, code_verifier_box = NULL, nonce = '', "
        "flow_scopes = '[]', flow_allows_other_account = 0, "
        "code_verifier_key_id = '', updated_at = $3 WHERE id = $1 AND flow_id = $2",
        {text(id), text(flow_id), now});
    if (!cleared) {
        return fail(cleared.error());
    }
    if (cleared->affected != 1) {
        return invalid_state();
    }
    return connection;
}

Result<int64_t> delete_expired_pending(Executor &sql, UnixMs before, int64_t limit) {
    Result<Rows> deleted = sql.execute(
        "DELETE FROM connections WHERE id IN (SELECT id FROM connections WHERE state = 'pending' AND "
        "flow_expires_at < $1 AND updated_at < $1 ORDER BY flow_expires_at LIMIT $2) AND state = 'pending' "
        "AND flow_expires_at < $1 AND updated_at < $1",
        {before, limit});
    if (!deleted) {
        return fail(deleted.error());
    }
    return deleted->affected;
}

Result<int64_t> purge_deleted(Executor &sql, UnixMs before, int64_t limit) {
    Result<Rows> deleted = sql.execute(
        "DELETE FROM connections WHERE id IN (SELECT id FROM connections WHERE deleted_at > 0 AND "
        "deleted_at < $1 ORDER BY deleted_at LIMIT $2)",
        {before, limit});
    if (!deleted) {
        return fail(deleted.error());
    }
    return deleted->affected;
}

}  // namespace nexus::control::store::connections
