// Connections: create, read, list, change. Flows are connection_flow.cpp's.
#include "control_plane/store/connection_repository.h"

#include <algorithm>

#include "control_plane/json/json.h"
#include "control_plane/store/connection_rows.h"
#include "control_plane/store/list_query.h"
#include "shared/crypto/keyring.h"

namespace nexus::control::store {

Result<Connection> read_connection(const Row &row) {
    RowReader in(row);
    Connection connection;
    connection.id = in.text();
    connection.workspace_id = in.text();
    connection.user_id = in.text();
    connection.provider_id = in.text();
    const std::optional<connection::State> state = connection::parse_state(in.text());
    connection.generation = in.integer();
    connection.scopes = in.list();
    connection.return_url = in.text();
    connection.flow_id = in.text();
    connection.flow_expires_at = in.integer();
    connection.code_verifier_box = in.bytes_or_empty();
    connection.nonce = in.text();
    connection.flow_scopes = in.list();
    connection.account_subject = in.text();
    connection.attention_reason = in.text();
    connection.expires_at = in.integer();
    connection.refreshable = in.boolean();
    connection.last_refreshed_at = in.integer();
    connection.created_at = in.integer();
    connection.updated_at = in.integer();
    connection.labels = in.text();
    connection.metadata = in.text();
    connection.variables = in.text();
    connection.flow_variables = in.text();
    connection.flow_allows_other_account = in.boolean();
    connection.code_verifier_key_id = in.text();
    connection.token_version = in.integer();
    connection.deleted_at = in.integer();
    connection.request_rules = in.list();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    if (!state) {
        return fail(Errc::kStoreUnavailable, "the database holds a connection in no known state");
    }
    connection.state = *state;
    return connection;
}

tl::unexpected<Error> connection_not_found() {
    return fail(Errc::kConnectionNotFound, "there is no such connection");
}

namespace connections {

namespace {

/// nullopt as NULL, which COALESCE in the statement reads as "as it was".
template <typename T>
Value unless_unset(const std::optional<T> &value) {
    return value ? Value{*value} : Value{};
}

Value flag_unless_unset(const std::optional<bool> &value) {
    return value ? flag(*value) : Value{};
}

Value list_unless_unset(const std::optional<std::vector<std::string>> &value) {
    return value ? store::list(*value) : Value{};
}

/// How a label stands in the column. Quotes within values are escaped there, so it is found as a whole label
/// or not at all; replace() compares byte by byte in both databases.
std::string label_text(std::string_view name, std::string_view value) {
    std::string object = json::Value::object().set(name, value).dump_canonical();
    return object.substr(1, object.size() - 2);
}

/// A reason is of a state: it does not outlive it.
std::optional<std::string> reason_for(const ConnectionChange &change) {
    if (change.attention_reason || !change.state || *change.state == connection::State::kAttention) {
        return change.attention_reason;
    }
    return std::string();
}

}  // namespace

Result<void> create(Executor &sql, const Connection &c) {
    Result<Rows> inserted =
        sql.execute("INSERT INTO connections (" NEXUS_CONNECTION_COLUMNS
                    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
                    "$12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, "
                    "$26, $27, $28, $29)",
                    {c.id,
                     c.workspace_id,
                     c.user_id,
                     c.provider_id,
                     text(to_string(c.state)),
                     c.generation,
                     store::list(c.scopes),
                     c.return_url,
                     c.flow_id,
                     c.flow_expires_at,
                     bytes_or_null(c.code_verifier_box),
                     c.nonce,
                     store::list(c.flow_scopes),
                     c.account_subject,
                     c.attention_reason,
                     c.expires_at,
                     flag(c.refreshable),
                     c.last_refreshed_at,
                     c.created_at,
                     c.updated_at,
                     c.labels,
                     c.metadata,
                     c.variables,
                     c.flow_variables,
                     flag(c.flow_allows_other_account),
                     crypto::box_key_id(c.code_verifier_box),
                     c.token_version,
                     c.deleted_at,
                     store::list(c.request_rules)});
    if (!inserted) {
        return fail(inserted.error());
    }
    return {};
}

Result<Connection> get_any(Executor &sql, std::string_view id) {
    Result<Rows> rows = sql.execute(NEXUS_SELECT_CONNECTION "WHERE id = $1", {text(id)});
    if (!rows) {
        return fail(rows.error());
    }
    return rows->empty() ? connection_not_found() : read_connection(rows->rows.front());
}

Result<std::map<std::string, int64_t>> token_versions(Executor &sql, std::span<const std::string> ids) {
    std::map<std::string, int64_t> versions;
    for (; !ids.empty(); ids = ids.subspan(std::min<size_t>(ids.size(), 50))) {
        std::string statement = "SELECT id, token_version FROM connections WHERE id IN (";
        std::vector<Value> parameters;
        for (size_t i = 0; i < 50; ++i) {  // one text of the statement; the last id fills the rest
            parameters.emplace_back(ids[std::min(i, ids.size() - 1)]);
            statement.append(i == 0 ? "$" : ", $").append(std::to_string(i + 1));
        }
        Result<Rows> rows = sql.execute(statement + ")", parameters);
        if (!rows) {
            return fail(rows.error());
        }
        for (const Row &row : rows->rows) {
            RowReader in(row);
            std::string id = in.text();
            versions[std::move(id)] = in.integer();
            if (Result<void> read = in.finish(); !read) {
                return fail(read.error());
            }
        }
    }
    return versions;
}

Result<Connection> get(Executor &sql, std::string_view id) {
    Result<Connection> connection = get_any(sql, id);
    return connection && connection->deleted_at != 0 ? connection_not_found() : std::move(connection);
}

Result<ConnectionPage> list(Executor &sql, const ConnectionFilter &filter, int64_t limit,
                            std::string_view cursor) {
    ListQuery query(NEXUS_SELECT_CONNECTION);
    query.where("deleted_at = 0");
    if (!filter.workspace_id.empty()) {
        query.where("workspace_id = ?", filter.workspace_id);
    }
    if (!filter.provider_id.empty()) {
        query.where("provider_id = ?", filter.provider_id);
    }
    if (!filter.user_id.empty()) {
        query.where("user_id = ?", filter.user_id);
    }
    if (filter.state) {
        query.where("state = ?", text(to_string(*filter.state)));
    }
    for (const auto &[name, value] : filter.labels) {
        query.where("replace(labels, ?, '') <> labels", text(label_text(name, value)));
    }
    return query.newest_first<ConnectionPage>(sql, limit, cursor, "id", read_connection,
                                              [](const Connection &connection) { return connection.id; });
}

Result<Connection> change(Transaction &sql, std::string_view id, int64_t expected_generation,
                          const ConnectionChange &change, UnixMs now) {
    Result<Connection> before = get(sql, id);
    if (!before) {
        return before;
    }
    if (before->generation != expected_generation) {
        return fail(Errc::kConflict, "the connection was changed meanwhile");
    }
    return change_from(sql, *before, change, now);
}

Result<Connection> change_from(Transaction &sql, const Connection &before, const ConnectionChange &change,
                               UnixMs now) {
    const connection::State to = change.state.value_or(before.state);
    if (!connection::is_transition(before.state, to)) {
        return fail(Errc::kConflict, "a connection cannot go from " + std::string(to_string(before.state)) +
                                         " to " + std::string(to_string(to)));
    }

    // The row may have changed since it was read: the WHERE decides.
    Result<Rows> rows = sql.execute(
        "UPDATE connections SET state = $3, attention_reason = COALESCE($4, attention_reason), "
        "expires_at = COALESCE($5, expires_at), refreshable = COALESCE($6, refreshable), "
        "account_subject = COALESCE($7, account_subject), scopes = COALESCE($8, scopes), "
        "last_refreshed_at = COALESCE($9, last_refreshed_at), labels = COALESCE($11, labels), "
        "metadata = COALESCE($12, metadata), variables = COALESCE($13, variables), updated_at = $10, "
        "deleted_at = COALESCE($14, deleted_at), request_rules = COALESCE($15, request_rules), generation = generation + 1 "
        "WHERE id = $1 AND generation = $2 RETURNING " NEXUS_CONNECTION_COLUMNS,
        {before.id, before.generation, text(to_string(to)), unless_unset(reason_for(change)),
         unless_unset(change.expires_at), flag_unless_unset(change.refreshable),
         unless_unset(change.account_subject), list_unless_unset(change.scopes),
         unless_unset(change.last_refreshed_at), now, unless_unset(change.labels),
         unless_unset(change.metadata), unless_unset(change.variables), unless_unset(change.deleted_at),
         list_unless_unset(change.request_rules)});
    if (!rows) {
        return fail(rows.error());
    }
    if (rows->empty()) {
        return fail(Errc::kConflict, "the connection was changed meanwhile");
    }
    return read_connection(rows->rows.front());
}

}  // namespace connections
}  // namespace nexus::control::store
