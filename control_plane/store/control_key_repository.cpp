// Scoped control-plane keys: see control_key_repository.h.
#include "control_plane/store/control_key_repository.h"

#include "control_plane/store/key_lifetime.h"
#include "control_plane/store/list_query.h"

namespace nexus::control::store::control_keys {

namespace {

#define NEXUS_CONTROL_KEY_COLUMNS \
    "key_id, name, sha256, scopes, workspace_id, created_at, expires_at, revoked_at, last_used_at"
#define NEXUS_CONTROL_KEY_REST \
    ", lifetime_ms, COALESCE((SELECT w.suspended_at FROM workspaces w WHERE w.id = workspace_id), 0)"
#define NEXUS_SELECT_CONTROL_KEY \
    "SELECT " NEXUS_CONTROL_KEY_COLUMNS NEXUS_CONTROL_KEY_REST " FROM control_keys "

Result<ControlKeyRow> read_key(const Row &row) {
    RowReader in(row);
    ControlKeyRow key;
    key.key_id = in.text();
    key.name = in.text();
    key.sha256 = in.text();
    key.scopes = static_cast<uint32_t>(in.integer());
    key.workspace_id = in.text();
    key.created_at = in.integer();
    key.expires_at = in.integer();
    key.revoked_at = in.integer();
    key.last_used_at = in.integer();
    key.lifetime_ms = in.integer();
    key.is_suspended = in.integer() != 0;
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return key;
}

Result<ControlKeyRow> first(const Result<Rows> &rows, Errc unless, std::string_view sentence) {
    if (!rows) {
        return fail(rows.error());
    }
    return rows->empty() ? fail(unless, std::string{sentence}) : read_key(rows->rows.front());
}

}  // namespace

Result<void> create(Executor &sql, const ControlKeyRow &k) {
    Result<Rows> inserted = sql.execute("INSERT INTO control_keys (" NEXUS_CONTROL_KEY_COLUMNS
                                        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                                        {k.key_id, k.name, k.sha256, int64_t{k.scopes}, k.workspace_id,
                                         k.created_at, k.expires_at, k.revoked_at, k.last_used_at});
    if (!inserted) {
        return fail(inserted.error());
    }
    return {};
}

Result<ControlKeyRow> get(Executor &sql, std::string_view key_id) {
    return first(sql.execute(NEXUS_SELECT_CONTROL_KEY "WHERE key_id = $1", {text(key_id)}), Errc::kNotFound,
                 "there is no such key");
}

Result<ControlKeyRow> find(Executor &sql, std::string_view sha256_hex) {
    return first(sql.execute(NEXUS_SELECT_CONTROL_KEY "WHERE sha256 = $1", {text(sha256_hex)}),
                 Errc::kInvalidApiKey, "the API key is not known");
}

Result<ControlKeyPage> list(Executor &sql, std::string_view workspace_id, int64_t limit,
                            std::string_view cursor) {
    ListQuery query(NEXUS_SELECT_CONTROL_KEY);
    if (!workspace_id.empty()) {
        query.where("workspace_id = ?", text(workspace_id));
    }
    return query.newest_first<ControlKeyPage>(sql, limit, cursor, "key_id", read_key,
                                              [](const ControlKeyRow &key) { return key.key_id; });
}

Result<ControlKeyRow> revoke(Transaction &sql, std::string_view key_id, UnixMs now) {
    return first(sql.execute("UPDATE control_keys SET revoked_at = CASE WHEN revoked_at = 0 THEN $2 ELSE "
                             "revoked_at END WHERE key_id = $1 "
                             "RETURNING " NEXUS_CONTROL_KEY_COLUMNS NEXUS_CONTROL_KEY_REST,
                             {text(key_id), now}),
                 Errc::kNotFound, "there is no such key");
}

Result<ControlKeyRow> end_by(Transaction &sql, std::string_view key_id, UnixMs at) {
    return first(sql.execute("UPDATE control_keys SET " NEXUS_KEEP_LIFETIME
                             ", expires_at = CASE WHEN expires_at = 0 OR expires_at > "
                             "$2 THEN $2 ELSE expires_at END WHERE key_id = $1 AND revoked_at = 0 "
                             "RETURNING " NEXUS_CONTROL_KEY_COLUMNS NEXUS_CONTROL_KEY_REST,
                             {text(key_id), at}),
                 Errc::kNotFound, "there is no such key");
}

}  // namespace nexus::control::store::control_keys
