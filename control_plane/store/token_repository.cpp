// Sealed credentials: each write names the version it replaces, so that two writers cannot both win.
#include "control_plane/store/token_repository.h"

#include "shared/crypto/keyring.h"

namespace nexus::control::store::tokens {

Result<Token> get(Executor &sql, std::string_view connection_id) {
    Result<Rows> rows = sql.execute(
        "SELECT t.connection_id, t.box, t.version, t.updated_at, c.token_version "
        "FROM tokens t JOIN connections c ON c.id = t.connection_id WHERE t.connection_id = $1",
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
    token.newest_version = in.integer();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return token;
}

Result<int64_t> next_version(Executor &sql, std::string_view connection_id) {
    Result<Rows> rows =
        sql.execute("SELECT token_version FROM connections WHERE id = $1", {text(connection_id)});
    if (!rows) {
        return fail(rows.error());
    }
    if (rows->empty()) {
        return fail(Errc::kConnectionNotFound, "there is no such connection");
    }
    RowReader in(rows->rows.front());
    const int64_t version = in.integer();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return version + 1;
}

Result<void> put(Transaction &sql, const Token &token) {
    Result<Rows> counted =
        sql.execute("UPDATE connections SET token_version = $2 WHERE id = $1 AND token_version = $2 - 1",
                    {token.connection_id, token.version});
    if (!counted) {
        return fail(counted.error());
    }
    if (counted->affected != 1) {
        return fail(Errc::kConflict, "the credential was changed meanwhile");
    }
    Result<Rows> written = sql.execute(
        "INSERT INTO tokens (connection_id, box, version, updated_at, key_id) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (connection_id) DO UPDATE SET box = excluded.box, version = excluded.version, "
        "updated_at = excluded.updated_at, key_id = excluded.key_id",
        {token.connection_id, Bytes{token.box}, token.version, token.updated_at,
         crypto::box_key_id(token.box)});
    if (!written) {
        return fail(written.error());
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
