// Sealed credentials: each write names the version it replaces, so that two writers cannot both win.
#include "control_plane/store/token_repository.h"

namespace nexus::control::store::tokens {

Result<Token> get(Executor &sql, std::string_view connection_id) {
    Result<Rows> rows =
        sql.execute("SELECT connection_id, box, version, updated_at FROM tokens WHERE connection_id = $1",
                    {text(connection_id)});
    if (!rows) {
        return fail(rows.error());
    }
    if (rows->empty()) {
        return fail(Errc::kTokenUnavailable, "the connection has no credential yet");
    }
    RowReader in(rows->rows.front());
    Token token;
    token.connection_id = in.text();
    token.box = in.bytes();
    token.version = in.integer();
    token.updated_at = in.integer();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return token;
}

Result<int64_t> next_version(Executor &sql, std::string_view connection_id) {
    Result<Token> stored = get(sql, connection_id);
    if (stored) {
        return stored->version + 1;
    }
    if (stored.error().errc == Errc::kTokenUnavailable) {
        return 1;
    }
    return fail(stored.error());
}

Result<void> put(Transaction &sql, const Token &token) {
    Result<Rows> written =
        token.version == 1
            ? sql.execute(
                  "INSERT INTO tokens (connection_id, box, version, updated_at) VALUES ($1, $2, $3, $4) "
                  "ON CONFLICT (connection_id) DO NOTHING",
                  {token.connection_id, Bytes{token.box}, token.version, token.updated_at})
            : sql.execute(
                  "UPDATE tokens SET box = $2, version = $3, updated_at = $4 "
                  "WHERE connection_id = $1 AND version = $3 - 1",
                  {token.connection_id, Bytes{token.box}, token.version, token.updated_at});
    if (!written) {
        return fail(written.error());
    }
    if (written->affected != 1) {
        return fail(Errc::kConflict, "the credential was changed meanwhile");
    }
    return {};
}

Result<void> erase(Executor &sql, std::string_view connection_id) {
    Result<Rows> deleted = sql.execute("DELETE FROM tokens WHERE connection_id = $1", {text(connection_id)});
    if (!deleted) {
        return fail(deleted.error());
    }
    return {};
}

}  // namespace nexus::control::store::tokens
