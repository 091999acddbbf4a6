// Documents of providers in SQL: see document_repository.h.
#include "control_plane/store/document_repository.h"

#include <limits>

#include "control_plane/store/lease.h"
#include "control_plane/store/written.h"

namespace nexus::control::store::documents {

namespace {

#define NEXUS_THIS_DOCUMENT "kind = $1 AND url = $2 AND issuer = $3"

}  // namespace

Result<Document> get(Executor &sql, const DocumentKey &key) {
    Result<Rows> rows = sql.execute(
        "SELECT body, version, etag, last_modified, fetched_at, checked_at, fresh_until, lease_epoch, "
        "lease_until, kid_asked_at, attempts, next_attempt_at, error, last_used_at FROM documents "
        "WHERE " NEXUS_THIS_DOCUMENT,
        {key.kind, key.url, key.issuer});
    if (!rows) {
        return fail(rows.error());
    }
    if (rows->empty()) {
        return fail(Errc::kNotFound, "the document was not fetched yet");
    }
    RowReader in(rows->rows.front());
    Document document;
    document.key = key;
    document.body = in.text();
    document.version = in.integer();
    document.etag = in.text();
    document.last_modified = in.text();
    document.fetched_at = in.integer();
    document.checked_at = in.integer();
    document.fresh_until = in.integer();
    document.lease_epoch = in.integer();
    document.lease_until = in.integer();
    document.kid_asked_at = in.integer();
    document.attempts = in.integer();
    document.next_attempt_at = in.integer();
    document.error = in.text();
    document.last_used_at = in.integer();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return document;
}

// One statement, so that the first fetch of a document is claimed like every other.
Result<std::optional<int64_t>> claim(Executor &sql, const DocumentKey &key, const DocumentClaim &claim) {
    Result<Rows> claimed = sql.execute(
        "INSERT INTO documents (kind, url, issuer, body, version, etag, last_modified, fetched_at, "
        "checked_at, "
        "fresh_until, lease_epoch, lease_until, kid_asked_at, attempts, next_attempt_at, error, "
        "last_used_at) "
        "VALUES ($1, $2, $3, '', 0, '', '', 0, 0, 0, 1, $4, $5, 0, 0, '', $6) "
        "ON CONFLICT (kind, url, issuer) DO UPDATE SET lease_epoch = documents.lease_epoch + 1, "
        "lease_until = excluded.lease_until, kid_asked_at = CASE WHEN excluded.kid_asked_at > 0 THEN "
        "excluded.kid_asked_at ELSE documents.kid_asked_at END "
        "WHERE documents.lease_epoch = $7 AND documents.lease_until <= $6 AND documents.next_attempt_at <= "
        "$6 "
        "AND documents.kid_asked_at <= $8 RETURNING lease_epoch",
        {key.kind, key.url, key.issuer, claim.now + claim.lease_ms, claim.for_kid ? claim.now : UnixMs{0},
         claim.now, claim.seen_epoch,
         claim.for_kid ? claim.now - claim.cooldown_ms : std::numeric_limits<int64_t>::max()});
    return claimed_epoch(claimed);
}

Result<bool> put(Executor &sql, const DocumentKey &key, int64_t epoch, const DocumentCheck &check,
                 UnixMs now) {
    const Value fresh = check.fresh_until;
    const Value kid_asked_at = check.lacks_kid ? now : UnixMs{0};
    constexpr std::string_view kChecked =
        "checked_at = $5, fresh_until = $6, etag = $7, last_modified = $8, lease_until = 0, attempts = 0, "
        "next_attempt_at = 0, error = '', kid_asked_at = CASE WHEN $9 > kid_asked_at THEN $9 ELSE "
        "kid_asked_at END";
    constexpr std::string_view kWhere = " WHERE " NEXUS_THIS_DOCUMENT " AND lease_epoch = $4";
    if (!check.body) {
        return changed_one(sql.execute("UPDATE documents SET " + std::string(kChecked) + std::string(kWhere),
                                       {key.kind, key.url, key.issuer, epoch, now, fresh, text(check.etag),
                                        text(check.last_modified), kid_asked_at}));
    }
    return changed_one(
        sql.execute("UPDATE documents SET body = $10, version = version + 1, fetched_at = $5, " +
                        std::string(kChecked) + std::string(kWhere),
                    {key.kind, key.url, key.issuer, epoch, now, fresh, text(check.etag),
                     text(check.last_modified), kid_asked_at, text(*check.body)}));
}

Result<bool> failed(Executor &sql, const DocumentKey &key, int64_t epoch, std::string_view error,
                    UnixMs next_attempt_at) {
    return changed_one(
        sql.execute("UPDATE documents SET lease_until = 0, attempts = attempts + 1, error = $5, "
                    "next_attempt_at = $6 WHERE " NEXUS_THIS_DOCUMENT " AND lease_epoch = $4",
                    {key.kind, key.url, key.issuer, epoch, text(error), next_attempt_at}));
}

Result<void> touch(Executor &sql, const DocumentKey &key, UnixMs now) {
    Result<Rows> touched = sql.execute("UPDATE documents SET last_used_at = $4 WHERE " NEXUS_THIS_DOCUMENT
                                       " AND last_used_at < $4",
                                       {key.kind, key.url, key.issuer, now});
    if (!touched) {
        return fail(touched.error());
    }
    return {};
}

Result<int64_t> forget_unused(Executor &sql, UnixMs used_before, UnixMs empty_before) {
    Result<Rows> unused =
        sql.execute("DELETE FROM documents WHERE last_used_at < $1 OR (version = 0 AND last_used_at < $2)",
                    {used_before, empty_before});
    if (!unused) {
        return fail(unused.error());
    }
    Result<Rows> above = sql.execute(
        "DELETE FROM documents WHERE last_used_at < (SELECT MIN(last_used_at) FROM (SELECT last_used_at FROM "
        "documents ORDER BY last_used_at DESC LIMIT $1) AS newest)",
        {kMaxRows});
    if (!above) {
        return fail(above.error());
    }
    return unused->affected + above->affected;
}

}  // namespace nexus::control::store::documents
