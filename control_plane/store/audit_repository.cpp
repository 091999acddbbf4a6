// The audit chain: the head row is updated first, which makes other writers wait, then the events take their
// places.
#include "control_plane/store/audit_repository.h"

#include <algorithm>

#include "control_plane/store/cursor.h"
#include "shared/crypto/random.h"
#include "shared/encoding/hex.h"

namespace nexus::control::store::audit_log {

namespace {

#define NEXUS_AUDIT_COLUMNS                                                                               \
    "sequence, id, created_at, event_type, workspace_id, connection_id, provider_id, actor, ip_address, " \
    "user_agent, event_data, previous_hash, hash"

constexpr int64_t kVerifyPage = 500;
constexpr size_t kAuditColumns = 13;
constexpr size_t kChunks[]{50, 10, 1};  // rows of one INSERT: few texts, so that they stay prepared

struct Head {
    int64_t sequence = 0;
    std::string hash;  // 32 bytes
};

Result<std::string> parse_hash(const std::string &hex) {
    Result<std::string> bytes = encoding::hex_decode(hex);
    if (!bytes || bytes->size() != sizeof(crypto::Sha256)) {
        return fail(Errc::kStoreUnavailable, "the audit chain holds something that is no hash");
    }
    return bytes;
}

Result<Head> read_head(const Result<Rows> &rows) {
    if (!rows) {
        return fail(rows.error());
    }
    if (rows->empty()) {
        return fail(Errc::kStoreUnavailable, "the audit chain has lost its head");
    }
    RowReader in(rows->rows.front());
    Head head;
    head.sequence = in.integer();
    const std::string hex = in.text();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    Result<std::string> hash = parse_hash(hex);
    if (!hash) {
        return fail(hash.error());
    }
    head.hash = std::move(*hash);
    return head;
}

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
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    // What is not hexadecimal was not written by us; an empty hash is equal to none.
    stored.previous_hash = parse_hash(previous).value_or(std::string());
    stored.hash = parse_hash(own).value_or(std::string());
    return stored;
}

std::string insert_statement(size_t rows) {
    std::string text = "INSERT INTO audit_events (" NEXUS_AUDIT_COLUMNS ") VALUES ";
    for (size_t parameter = 1; parameter <= rows * kAuditColumns; ++parameter) {
        const bool is_first = parameter % kAuditColumns == 1;
        text += is_first ? (parameter == 1 ? "($" : "), ($") : ", $";
        text += std::to_string(parameter);
    }
    return text + ")";
}

/// Adds the columns of one row; returns its hash.
std::string add_row(std::vector<Value> &values, const Pending &pending, int64_t sequence,
                    const std::string &previous_hash) {
    audit::StoredEvent row;
    row.sequence = sequence;
    row.id = crypto::random_uuid();
    row.created_at = pending.at;
    row.event = audit::bounded(pending.event);
    row.previous_hash = previous_hash;
    std::string hash(crypto::as_view(audit::chain_hash(row)));
    audit::Event &e = row.event;
    values.emplace_back(row.sequence);
    values.emplace_back(std::move(row.id));
    values.emplace_back(row.created_at);
    for (std::string *field : {&e.type, &e.workspace_id, &e.connection_id, &e.provider_id, &e.actor,
                               &e.ip_address, &e.user_agent, &e.data}) {
        values.emplace_back(std::move(*field));
    }
    values.emplace_back(encoding::hex_encode(previous_hash));
    values.emplace_back(encoding::hex_encode(hash));
    return hash;
}

AuditVerdict broken(int64_t sequence, int64_t rows, std::string problem) {
    return {false, rows, sequence, std::move(problem)};
}

}  // namespace

Result<void> append_all(Transaction &sql, std::span<const Pending> events) {
    if (events.empty()) {
        return {};
    }
    const auto count = static_cast<int64_t>(events.size());
    Result<Head> head = read_head(sql.execute(
        "UPDATE audit_head SET sequence = sequence + $1 WHERE id = 1 RETURNING sequence, hash", {count}));
    if (!head) {
        return fail(head.error());
    }

    int64_t sequence = head->sequence - count;
    std::string previous = std::move(head->hash);
    for (size_t done = 0; done < events.size();) {
        const size_t rows =
            *std::ranges::find_if(kChunks, [&](size_t chunk) { return chunk <= events.size() - done; });
        std::vector<Value> values;
        values.reserve(rows * kAuditColumns);
        for (const Pending &event : events.subspan(done, rows)) {
            previous = add_row(values, event, ++sequence, previous);
        }
        if (Result<Rows> inserted = sql.execute(insert_statement(rows), values); !inserted) {
            return fail(inserted.error());
        }
        done += rows;
    }
    Result<Rows> moved =
        sql.execute("UPDATE audit_head SET hash = $1 WHERE id = 1", {encoding::hex_encode(previous)});
    if (!moved) {
        return fail(moved.error());
    }
    return {};
}

Result<void> append(Transaction &sql, const audit::Event &event, UnixMs now) {
    const Pending one[]{{event, now}};
    return append_all(sql, one);
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
    if (!filter.event_type.empty()) {
        statement += " AND event_type = " + bind(filter.event_type);
    }
    if (!filter.connection_id.empty()) {
        statement += " AND connection_id = " + bind(filter.connection_id);
    }
    if (filter.since > 0) {
        statement += " AND created_at >= " + bind(filter.since);
    }
    if (filter.before_sequence > 0) {
        statement += " AND sequence < " + bind(filter.before_sequence);
    }
    statement += " ORDER BY sequence DESC LIMIT " + bind(bounded_limit(limit));

    Result<Rows> rows = sql.execute(statement, parameters);
    if (!rows) {
        return fail(rows.error());
    }
    std::vector<audit::StoredEvent> events;
    for (const Row &row : rows->rows) {
        Result<audit::StoredEvent> event = read_event(row);
        if (!event) {
            return fail(event.error());
        }
        events.push_back(std::move(*event));
    }
    return events;
}

Result<AuditVerdict> verify(Executor &sql) {
    // The head first: rows that join while we walk are beyond it.
    const Result<Head> head = read_head(sql.execute("SELECT sequence, hash FROM audit_head WHERE id = 1"));
    if (!head) {
        return fail(head.error());
    }
    AuditVerdict verdict;
    std::string previous(sizeof(crypto::Sha256), '\0');
    while (verdict.rows < head->sequence) {
        Result<Rows> rows = sql.execute("SELECT " NEXUS_AUDIT_COLUMNS
                                        " FROM audit_events "
                                        "WHERE sequence > $1 AND sequence <= $2 ORDER BY sequence LIMIT $3",
                                        {verdict.rows, head->sequence, kVerifyPage});
        if (!rows) {
            return fail(rows.error());
        }
        for (const Row &row : rows->rows) {
            const Result<audit::StoredEvent> event = read_event(row);
            if (!event) {
                return fail(event.error());
            }
            const int64_t expected = verdict.rows + 1;
            if (event->sequence != expected) {
                return broken(expected, verdict.rows, "row " + std::to_string(expected) + " is missing");
            }
            if (event->previous_hash != previous ||
                event->hash != crypto::as_view(audit::chain_hash(*event))) {
                return broken(expected, verdict.rows, "row " + std::to_string(expected) + " was changed");
            }
            previous = event->hash;
            verdict.rows = expected;
        }
        if (rows->empty()) {
            return broken(verdict.rows + 1, verdict.rows,
                          "the rows after " + std::to_string(verdict.rows) + " are missing");
        }
    }
    if (previous != head->hash) {
        return broken(head->sequence, verdict.rows, "the last row does not fit the head");
    }
    return verdict;
}

}  // namespace nexus::control::store::audit_log
