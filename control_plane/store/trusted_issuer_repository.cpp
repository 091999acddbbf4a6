// Trusted issuers: see trusted_issuer_repository.h.
#include "control_plane/store/trusted_issuer_repository.h"

#include "control_plane/store/list_query.h"

namespace nexus::control::store::trusted_issuers {

namespace {

#define NEXUS_ISSUER_COLUMNS                                                                                \
    "id, workspace_id, issuer, sha256, audiences, algorithms, inline_jwks, jwks_uri, leeway_s, max_age_s, " \
    "jwks, generation, created_at, updated_at, removed_at"
#define NEXUS_SELECT_ISSUER "SELECT " NEXUS_ISSUER_COLUMNS " FROM trusted_issuers "

Result<TrustedIssuer> read_issuer(const Row &row) {
    RowReader in(row);
    TrustedIssuer issuer;
    issuer.id = in.text();
    issuer.workspace_id = in.text();
    issuer.issuer = in.text();
    issuer.sha256 = in.text();
    issuer.audiences = in.list();
    issuer.algorithms = in.list();
    issuer.inline_jwks = in.text();
    issuer.jwks_uri = in.text();
    issuer.leeway_s = in.integer();
    issuer.max_age_s = in.integer();
    issuer.jwks = in.text();
    issuer.generation = in.integer();
    issuer.created_at = in.integer();
    issuer.updated_at = in.integer();
    issuer.removed_at = in.integer();
    Result<void> read = in.finish();
    return read ? Result<TrustedIssuer>{std::move(issuer)} : fail(read.error());
}

Result<TrustedIssuer> first(const Result<Rows> &rows, Errc unless, std::string_view sentence) {
    if (!rows) {
        return fail(rows.error());
    }
    return rows->empty() ? fail(unless, std::string{sentence}) : read_issuer(rows->rows.front());
}

}  // namespace

Result<TrustedIssuer> create(Transaction &sql, const TrustedIssuer &i) {
    return first(
        sql.execute(
            "INSERT INTO trusted_issuers (" NEXUS_ISSUER_COLUMNS
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0) "
            "ON CONFLICT (issuer) DO UPDATE SET id = excluded.id, workspace_id = excluded.workspace_id, "
            "audiences = excluded.audiences, algorithms = excluded.algorithms, "
            "inline_jwks = excluded.inline_jwks, jwks_uri = excluded.jwks_uri, "
            "leeway_s = excluded.leeway_s, max_age_s = excluded.max_age_s, jwks = excluded.jwks, "
            "generation = trusted_issuers.generation + 1, created_at = excluded.created_at, "
            "updated_at = excluded.updated_at, removed_at = 0 WHERE trusted_issuers.removed_at <> 0 "
            "RETURNING " NEXUS_ISSUER_COLUMNS,
            {i.id, i.workspace_id, i.issuer, i.sha256, store::list(i.audiences), store::list(i.algorithms),
             i.inline_jwks, i.jwks_uri, i.leeway_s, i.max_age_s, i.jwks, i.generation, i.created_at,
             i.updated_at}),
        Errc::kConflict, "the issuer is trusted already");
}

Result<TrustedIssuer> get(Executor &sql, std::string_view id) {
    return first(sql.execute(NEXUS_SELECT_ISSUER "WHERE id = $1 AND removed_at = 0", {text(id)}),
                 Errc::kIssuerNotFound, "there is no such issuer");
}

Result<TrustedIssuer> find(Executor &sql, std::string_view sha256) {
    return first(sql.execute(NEXUS_SELECT_ISSUER "WHERE sha256 = $1", {text(sha256)}), Errc::kIssuerNotFound,
                 "there is no such issuer");
}

Result<TrustedIssuer> hold(Transaction &sql, std::string_view sha256) {
    return first(sql.execute("UPDATE trusted_issuers SET generation = generation WHERE sha256 = $1 "
                             "RETURNING " NEXUS_ISSUER_COLUMNS,
                             {text(sha256)}),
                 Errc::kIssuerNotFound, "there is no such issuer");
}

Result<TrustedIssuerPage> list(Executor &sql, std::string_view workspace_id, int64_t limit,
                               std::string_view cursor) {
    ListQuery query(NEXUS_SELECT_ISSUER);
    query.where("removed_at = 0");
    if (!workspace_id.empty()) {
        query.where("workspace_id = ?", text(workspace_id));
    }
    return query.newest_first<TrustedIssuerPage>(sql, limit, cursor, "id", read_issuer,
                                                 [](const TrustedIssuer &issuer) { return issuer.id; });
}

Result<TrustedIssuer> update(Transaction &sql, const TrustedIssuer &i, UnixMs now) {
    return first(
        sql.execute(
            "UPDATE trusted_issuers SET audiences = $3, algorithms = $4, inline_jwks = $5, jwks_uri = $6, "
            "leeway_s = $7, max_age_s = $8, jwks = $9, updated_at = $10, generation = generation + 1 "
            "WHERE id = $1 AND generation = $2 AND removed_at = 0 RETURNING " NEXUS_ISSUER_COLUMNS,
            {i.id, i.generation, store::list(i.audiences), store::list(i.algorithms), i.inline_jwks,
             i.jwks_uri, i.leeway_s, i.max_age_s, i.jwks, now}),
        Errc::kConflict, "the issuer was changed or removed meanwhile");
}

Result<TrustedIssuer> remove(Transaction &sql, std::string_view id, UnixMs now) {
    return first(sql.execute("UPDATE trusted_issuers SET removed_at = $2, updated_at = $2, jwks = '', "
                             "inline_jwks = '', generation = generation + 1 WHERE id = $1 AND removed_at = 0 "
                             "RETURNING " NEXUS_ISSUER_COLUMNS,
                             {text(id), now}),
                 Errc::kIssuerNotFound, "there is no such issuer");
}

}  // namespace nexus::control::store::trusted_issuers
