// The audit chain: writing and listing. The head row is locked first, which makes other writers wait, then
// the events take their places and the head moves behind the last one.
#include "control_plane/store/audit_repository.h"

#include <array>

#include "control_plane/log/log.h"
#include "control_plane/store/audit_head.h"
#include "control_plane/store/audit_rows.h"
#include "control_plane/store/cursor.h"
#include "shared/crypto/random.h"
#include "shared/encoding/hex.h"

namespace nexus::control::store::audit_log {

namespace {

// Rows per INSERT: few texts of statements, so that a driver can keep them prepared.
constexpr std::array<size_t, 4> kChunks{64, 16, 4, 1};

std::string insert_statement(size_t rows) {
    std::string sql = "INSERT INTO audit_events (" NEXUS_AUDIT_COLUMNS ") VALUES ";
    size_t parameter = 0;
    for (size_t row = 0; row < rows; ++row) {
        for (size_t column = 0; column < kAuditColumns; ++column) {
            sql.append(column > 0 ? ", $" : row > 0 ? ", ($" : "($").append(std::to_string(++parameter));
        }
        sql += ")";
    }
    return sql;
}

Result<void> insert(Transaction &sql, std::span<const audit::StoredEvent> rows) {
    static const std::array<std::string, kChunks.size()> kStatements{
        insert_statement(kChunks[0]), insert_statement(kChunks[1]), insert_statement(kChunks[2]),
        insert_statement(kChunks[3])};
    std::vector<Value> values;
    for (size_t size = 0; size < kChunks.size(); ++size) {
        for (; rows.size() >= kChunks[size]; rows = rows.subspan(kChunks[size])) {
            values.clear();
            for (const audit::StoredEvent &row : rows.first(kChunks[size])) {
                const audit::Event &e = row.event;
                for (Value value : {Value{row.sequence}, Value{row.id}, Value{row.created_at}, Value{e.type},
                                    Value{e.workspace_id}, Value{e.connection_id}, Value{e.provider_id},
                                    Value{e.actor}, Value{e.ip_address}, Value{e.user_agent}, Value{e.data},
                                    Value{encoding::hex_encode(row.previous_hash)},
                                    Value{encoding::hex_encode(row.hash)}, Value{row.key_id}}) {
                    values.push_back(std::move(value));
                }
            }
            if (Result<Rows> inserted = sql.execute(kStatements[size], values); !inserted) {
                return fail(inserted.error());
            }
        }
    }
    return {};
}

/// Somebody changed the head. The chain goes on behind the newest row there is, and says so for ever: to
/// build on it in silence would make the change look right.
Result<Pending> recover(Transaction &sql, audit::Head &head, UnixMs now) {
    log::error("audit_chain_broken", {{"head_sequence", head.sequence}});
    Pending note{{}, now};
    note.event.type = audit::kAuditChainBroken;
    note.event.actor = "system";
    note.event.data = R"({"head_sequence":)" + std::to_string(head.sequence) + "}";
    Result<Rows> newest =
        sql.execute("SELECT sequence, hash FROM audit_events ORDER BY sequence DESC LIMIT 1");
    if (!newest) {
        return fail(newest.error());
    }
    if (!newest->empty()) {
        RowReader in(newest->rows.front());
        const int64_t sequence = in.integer();
        Result<std::string> hash = parse_hash(in.text());
        if (hash && sequence >= head.sequence) {
            head.sequence = sequence;
            head.hash = std::move(*hash);
        }
    }
    return note;
}

/// The head to go on from, locked; what must be said first goes into `notes`.
Result<audit::Head> take_head(Transaction &sql, std::vector<Pending> &notes, UnixMs now) {
    Result<audit::Head> head = lock_head(sql);
    audit::Chain *chain = sql.audit_chain();
    if (!head) {
        return head;
    }
    if (chain == nullptr) {
        return head->mac.empty() ? std::move(head)
                                 : fail(Errc::kInternal, "the audit chain's key is not loaded");
    }
    const bool is_long_enough = !sql.is_first_look_at_audit() || chain->witness(head->sequence);
    if (chain->is_own(*head) && is_long_enough) {
        return head;
    }
    Result<Pending> note = recover(sql, *head, now);
    if (!note) {
        return fail(note.error());
    }
    notes.push_back(std::move(*note));
    return head;
}

audit::StoredEvent next_row(audit::Head &head, const Pending &timed, const audit::Chain *chain) {
    audit::StoredEvent row;
    row.sequence = ++head.sequence;
    row.id = crypto::random_uuid();
    row.created_at = timed.at;
    row.event = audit::bounded(timed.event);
    row.previous_hash = head.hash;
    row.key_id = chain == nullptr ? std::string() : chain->key_id();
    row.hash = chain == nullptr ? std::string(crypto::as_view(audit::chain_hash(row))) : chain->row_mac(row);
    head.hash = row.hash;
    return row;
}

}  // namespace

namespace {

Result<audit::StoredEvent> read_event(const Row &row) {
    RowReader in(row);
    audit::StoredEvent stored;
    stored.sequence = in.integer();
    stored.id = in.text();
    stored.created_at = in.integer();
    stored.event.type = in.text();
    stored.event.workspace_id = in.text();
    stored.event.connection_id = in.text();
    stored.event.provider_id = in.text();
    stored.event.actor = in.text();
    stored.event.ip_address = in.text();
    stored.event.user_agent = in.text();
    stored.event.data = in.text();
    const std::string previous = in.text();
    const std::string own = in.text();
    stored.key_id = in.text();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    // What is not hexadecimal was not written by us; an empty hash is equal to none.
    stored.previous_hash = parse_hash(previous).value_or(std::string());
    stored.hash = parse_hash(own).value_or(std::string());
    return stored;
}

}  // namespace

Result<std::vector<audit::StoredEvent>> read_events(const Result<Rows> &rows) {
    return read_all(rows, read_event);
}

Result<void> append_all(Transaction &sql, std::span<const Pending> events) {
    if (events.empty()) {
        return {};
    }
    std::vector<Pending> notes;
    Result<audit::Head> head = take_head(sql, notes, events.front().at);
    if (!head) {
        return fail(head.error());
    }
    std::vector<audit::StoredEvent> rows;
    rows.reserve(notes.size() + events.size());
    for (const std::span<const Pending> group : {std::span<const Pending>(notes), events}) {
        for (const Pending &event : group) {
            rows.push_back(next_row(*head, event, sql.audit_chain()));
        }
    }
    if (Result<void> inserted = insert(sql, rows); !inserted) {
        return inserted;
    }
    return put_head(sql, std::move(*head));
}

Result<void> append(Transaction &sql, const audit::Event &event, UnixMs now) {
    const Pending one[] = {{event, now}};
    return append_all(sql, one);
}

Result<void> begin_chain(Transaction &sql, const audit::Event &event, UnixMs now) {
    Result<audit::Head> head = lock_head(sql);
    if (!head) {
        return fail(head.error());
    }
    if (Result<void> sealed = put_head(sql, std::move(*head)); !sealed) {
        return sealed;
    }
    return append(sql, event, now);
}

Result<void> append(Database &database, const audit::Event &event, UnixMs now) {
    return database.transact([&](Transaction &sql) { return append(sql, event, now); });
}

Result<std::vector<audit::StoredEvent>> list(Executor &sql, const AuditFilter &filter, int64_t limit) {
    std::string statement = "SELECT " NEXUS_AUDIT_COLUMNS " FROM audit_events WHERE 1 = 1";
    std::vector<Value> parameters;
    const auto bind = [&](Value value) {
        parameters.push_back(std::move(value));
        return "$" + std::to_string(parameters.size());
    };
    for (const auto &[column, value] :
         {std::pair{"event_type", &filter.event_type}, std::pair{"connection_id", &filter.connection_id},
          std::pair{"workspace_id", &filter.workspace_id}, std::pair{"provider_id", &filter.provider_id},
          std::pair{"actor", &filter.actor}}) {
        if (!value->empty()) {
            statement.append(" AND ").append(column).append(" = ").append(bind(*value));
        }
    }
    if (filter.since > 0) {
        statement += " AND created_at >= " + bind(filter.since);
    }
    if (filter.until > 0) {
        statement += " AND created_at < " + bind(filter.until);
    }
    if (filter.before_sequence > 0) {
        statement += " AND sequence < " + bind(filter.before_sequence);
    }
    statement += " ORDER BY sequence DESC LIMIT " + bind(bounded_limit(limit));

    return read_events(sql.execute(statement, parameters));
}

}  // namespace nexus::control::store::audit_log
