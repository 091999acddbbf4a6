// Fetched public documents; the newest one wins, whoever fetched it.
#include "control_plane/store/document_repository.h"

namespace nexus::control::store::documents {

Result<Document> get(Executor &sql, std::string_view url) {
    Result<Rows> rows = sql.execute(
        "SELECT url, body, etag, last_modified, fetched_at, fresh_until FROM documents WHERE url = $1",
        {text(url)});
    if (!rows) {
        return fail(rows.error());
    }
    if (rows->empty()) {
        return fail(Errc::kNotFound, "the document was not fetched yet");
    }
    RowReader in(rows->rows.front());
    Document document;
    document.url = in.text();
    document.body = in.text();
    document.etag = in.text();
    document.last_modified = in.text();
    document.fetched_at = in.integer();
    document.fresh_until = in.integer();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return document;
}

Result<void> put(Executor &sql, const Document &document) {
    Result<Rows> written = sql.execute(
        "INSERT INTO documents (url, body, etag, last_modified, fetched_at, fresh_until) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (url) DO UPDATE SET body = excluded.body, etag = "
        "excluded.etag, "
        "last_modified = excluded.last_modified, fetched_at = excluded.fetched_at, fresh_until = "
        "excluded.fresh_until "
        "WHERE excluded.fetched_at >= documents.fetched_at",
        {document.url, document.body, document.etag, document.last_modified, document.fetched_at,
         document.fresh_until});
    if (!written) {
        return fail(written.error());
    }
    return {};
}

}  // namespace nexus::control::store::documents
