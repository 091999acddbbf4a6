// Identities of connections: see identity_repository.h.
#include "control_plane/store/identity_repository.h"

namespace nexus::control::store::identities {

Result<Identity> get(Executor &sql, std::string_view connection_id) {
    Result<Rows> rows = sql.execute("SELECT claims, updated_at FROM identities WHERE connection_id = $1",
                                    {text(connection_id)});
    if (!rows) {
        return fail(rows.error());
    }
    if (rows->empty()) {
        return fail(Errc::kNotFound, "the provider has not said who the account is");
    }
    RowReader in(rows->rows.front());
    Identity identity;
    identity.claims = in.text();
    identity.updated_at = in.integer();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return identity;
}

Result<void> put(Executor &sql, std::string_view connection_id, const Identity &identity) {
    Result<Rows> written = sql.execute(
        "INSERT INTO identities (connection_id, claims, updated_at) VALUES ($1, $2, $3) "
        "ON CONFLICT (connection_id) DO UPDATE SET claims = excluded.claims, updated_at = "
        "excluded.updated_at",
        {text(connection_id), identity.claims, identity.updated_at});
    if (!written) {
        return fail(written.error());
    }
    return {};
}

Result<void> erase(Executor &sql, std::string_view connection_id) {
    Result<Rows> deleted =
        sql.execute("DELETE FROM identities WHERE connection_id = $1", {text(connection_id)});
    if (!deleted) {
        return fail(deleted.error());
    }
    return {};
}

}  // namespace nexus::control::store::identities
