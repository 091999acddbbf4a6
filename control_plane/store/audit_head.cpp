// The head row of the audit chain: see audit_head.h.
#include "control_plane/store/audit_head.h"

#include "shared/encoding/hex.h"

namespace nexus::control::store::audit_log {

namespace {

#define NEXUS_HEAD_COLUMNS "sequence, hash, first_sequence, anchor, mac"

Result<audit::Head> read_head(const Result<Rows> &rows) {
    if (!rows) {
        return fail(rows.error());
    }
    if (rows->empty()) {
        return fail(Errc::kStoreUnavailable, "the audit chain has lost its head");
    }
    RowReader in(rows->rows.front());
    audit::Head head;
    head.sequence = in.integer();
    Result<std::string> hash = parse_hash(in.text());
    head.first_sequence = in.integer();
    Result<std::string> anchor = parse_hash(in.text());
    const std::string mac = in.text();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    if (!hash || !anchor) {
        return fail(!hash ? hash.error() : anchor.error());
    }
    head.hash = std::move(*hash);
    head.anchor = std::move(*anchor);
    if (!mac.empty()) {
        head.mac = parse_hash(mac).value_or("none");  // what is no hash fits nothing
    }
    return head;
}

}  // namespace

Result<std::string> parse_hash(const std::string &hex) {
    Result<std::string> bytes = encoding::hex_decode(hex);
    if (!bytes || bytes->size() != sizeof(crypto::Sha256)) {
        return fail(Errc::kStoreUnavailable, "the audit chain holds something that is no hash");
    }
    return bytes;
}

Result<audit::Head> get_head(Executor &sql) {
    return read_head(sql.execute("SELECT " NEXUS_HEAD_COLUMNS " FROM audit_head WHERE id = 1"));
}

Result<audit::Head> lock_head(Transaction &sql) {
    return read_head(
        sql.execute("UPDATE audit_head SET sequence = sequence WHERE id = 1 RETURNING " NEXUS_HEAD_COLUMNS));
}

Result<void> put_head(Transaction &sql, audit::Head head) {
    if (const audit::Chain *chain = sql.audit_chain()) {
        head.mac = chain->head_mac(head);
    }
    Result<Rows> written = sql.execute(
        "UPDATE audit_head SET sequence = $1, hash = $2, first_sequence = $3, anchor = $4, mac = $5 "
        "WHERE id = 1",
        {head.sequence, encoding::hex_encode(head.hash), head.first_sequence,
         encoding::hex_encode(head.anchor), encoding::hex_encode(head.mac)});
    if (!written) {
        return fail(written.error());
    }
    return {};
}

}  // namespace nexus::control::store::audit_log
