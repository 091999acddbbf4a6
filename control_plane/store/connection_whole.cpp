// One round trip for the hottest read of all.
#include "control_plane/store/connection_whole.h"

#include "control_plane/store/connection_rows.h"

namespace nexus::control::store::connections {

namespace {

constexpr std::string_view kSelect =
    "SELECT c.id, c.workspace_id, c.provider_id, c.state, c.generation, c.scopes, c.attention_reason, "
    "c.expires_at, c.refreshable, c.last_refreshed_at, c.variables, c.token_version, c.deleted_at, c.request_rules, "
    "p.name, p.auth_type, p.auth_header, p.params, p.oauth, p.api_base_url, p.allowed_hosts, p.deleted_at, "
    "t.box, COALESCE(t.version, 0) "
    "FROM connections c JOIN provider_profiles p ON p.id = c.provider_id "
    "LEFT JOIN tokens t ON t.connection_id = c.id WHERE c.id = $1";

Result<ConnectionWhole> read_whole(const Row &row) {
    RowReader in(row);
    ConnectionWhole whole;
    Connection &connection = whole.connection;
    connection.id = in.text();
    connection.workspace_id = in.text();
    connection.provider_id = in.text();
    const std::optional<connection::State> state = connection::parse_state(in.text());
    connection.generation = in.integer();
    connection.scopes = in.list();
    connection.attention_reason = in.text();
    connection.expires_at = in.integer();
    connection.refreshable = in.boolean();
    connection.last_refreshed_at = in.integer();
    connection.variables = in.text();
    connection.token_version = in.integer();
    connection.deleted_at = in.integer();
    connection.request_rules = in.list();
    Provider &provider = whole.provider;
    provider.id = connection.provider_id;
    provider.name = in.text();
    provider.auth_type = in.text();
    provider.auth_header = in.text();
    provider.params = in.text();
    provider.oauth = in.text();
    provider.api_base_url = in.text();
    provider.allowed_hosts = in.list();
    provider.deleted_at = in.integer();
    Token token;
    token.connection_id = connection.id;
    token.box = in.bytes_or_empty();
    token.version = in.integer();
    token.newest_version = connection.token_version;
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    if (!state) {
        return fail(Errc::kStoreUnavailable, "the database holds a connection in no known state");
    }
    connection.state = *state;
    if (token.version != 0) {
        whole.token = std::move(token);
    }
    return whole;
}

}  // namespace

Result<ConnectionWhole> get_whole(Executor &sql, std::string_view id) {
    Result<Rows> rows = sql.execute(kSelect, {text(id)});
    if (!rows) {
        return fail(rows.error());
    }
    return rows->empty() ? connection_not_found() : read_whole(rows->rows.front());
}

}  // namespace nexus::control::store::connections
