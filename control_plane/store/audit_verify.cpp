// Looking at the audit chain, a stretch at a time. A stretch begins behind a row that the stretch before
// looked at, or behind the anchor that the head holds.
#include <algorithm>

#include "control_plane/json/json.h"
#include "control_plane/store/audit_head.h"
#include "control_plane/store/audit_link.h"
#include "control_plane/store/audit_rows.h"
#include "shared/encoding/hex.h"

namespace nexus::control::store::audit_log {

namespace {

constexpr int64_t kStretch = 500;
constexpr int64_t kMaxStretch = 10000;
constexpr int kTries = 3;  // while rows are being trimmed away underneath

class Walk {
public:
    Walk(const audit::Chain *chain, const audit::Head &head) : chain_(chain), head_(head) {
        stretch_.head = head.sequence;
        stretch_.head_hash = encoding::hex_encode(head.hash);
        stretch_.first_sequence = head.first_sequence;
    }

    void begin_after(AuditLink link) { link_ = std::move(link); }

    bool check_head() {
        if (chain_ != nullptr && !chain_->is_own(head_)) {
            return broken(head_.sequence, "the head was changed from outside");
        }
        if (chain_ != nullptr && chain_->longest_seen() > head_.sequence) {
            return broken(head_.sequence + 1,
                          "the chain was longer: its end was cut off and an older head put back");
        }
        return true;
    }

    bool check_row(const audit::StoredEvent &row) {
        if (std::string problem = link_.misfit(chain_, row); !problem.empty()) {
            return broken(link_.sequence + 1, std::move(problem));
        }
        if (row.event.type == audit::kAuditChainBroken && !row.key_id.empty()) {
            return broken(row.sequence, "before row " + std::to_string(row.sequence) +
                                            " the head had been changed from outside");
        }
        accept(row);
        return true;
    }

    bool check_end() {
        if (link_.sequence == head_.sequence && link_.hash != head_.hash) {
            return broken(head_.sequence, "the last row does not fit the head");
        }
        return true;
    }

    bool missing_end() {
        return broken(link_.sequence + 1,
                      "the rows after " + std::to_string(link_.sequence) + " are missing");
    }

    int64_t through() const { return link_.sequence; }
    AuditStretch result() && {
        stretch_.through = link_.sequence;
        return std::move(stretch_);
    }
    bool is_intact() const { return stretch_.verdict.intact; }

private:
    bool broken(int64_t sequence, std::string problem) {
        stretch_.verdict.intact = false;
        stretch_.verdict.first_bad_sequence = sequence;
        stretch_.verdict.problem = std::move(problem);
        return false;
    }

    void accept(const audit::StoredEvent &row) {
        link_.move_to(row);
        stretch_.verdict.rows += 1;
        stretch_.unkeyed += row.key_id.empty() ? 1 : 0;
        if (row.event.data.find("\"token_version\"") == std::string::npos) {
            return;
        }
        Result<json::Value> data = json::parse_object(row.event.data);
        const int64_t version = data ? data->get("token_version").as_integer() : 0;
        int64_t &newest = stretch_.token_versions[row.event.connection_id];
        newest = std::max(newest, version);
    }

    const audit::Chain *chain_;
    const audit::Head &head_;
    AuditStretch stretch_;
    AuditLink link_;
};

Result<std::vector<audit::StoredEvent>> rows_after(Executor &sql, int64_t after, int64_t last,
                                                   int64_t limit) {
    return read_events(sql.execute("SELECT " NEXUS_AUDIT_COLUMNS " FROM audit_events "
                                   "WHERE sequence > $1 AND sequence <= $2 ORDER BY sequence LIMIT $3",
                                   {after, last, limit}));
}

Result<void> begin(Executor &sql, Walk &walk, const audit::Head &head, int64_t after) {
    if (after < head.first_sequence) {
        walk.begin_after({head.first_sequence - 1, head.anchor, false});
        return {};
    }
    Result<std::vector<audit::StoredEvent>> row = rows_after(sql, after - 1, after, 1);
    if (!row) {
        return fail(row.error());
    }
    if (row->empty()) {
        walk.begin_after({after - 1, {}, false});  // the missing row is what will be found
    } else {
        walk.begin_after({after, row->front().hash, !row->front().key_id.empty()});
    }
    return {};
}

Result<AuditStretch> look(Database &database, int64_t after, int64_t limit) {
    // The head first: rows that join while we walk are beyond it.
    const Result<audit::Head> head = get_head(database);
    if (!head) {
        return fail(head.error());
    }
    Walk walk(database.audit_chain(), *head);
    if (Result<void> begun = begin(database, walk, *head, std::min(after, head->sequence)); !begun) {
        return fail(begun.error());
    }
    bool good = walk.check_head();
    for (int64_t left = limit; good && left > 0 && walk.through() < head->sequence; left -= kStretch) {
        Result<std::vector<audit::StoredEvent>> rows =
            rows_after(database, walk.through(), head->sequence, std::min(left, kStretch));
        if (!rows) {
            return fail(rows.error());
        }
        good = !rows->empty() || walk.missing_end();
        for (size_t i = 0; good && i < rows->size(); ++i) {
            good = walk.check_row((*rows)[i]);
        }
    }
    if (good) {
        walk.check_end();
    }
    return std::move(walk).result();
}

}  // namespace

Result<AuditStretch> verify_stretch(Database &database, int64_t after, int64_t limit) {
    limit = std::clamp<int64_t>(limit, 1, kMaxStretch);
    for (int tries = 1;; ++tries) {
        Result<AuditStretch> stretch = look(database, after, limit);
        if (!stretch || stretch->verdict.intact || tries == kTries) {
            return stretch;
        }
        Result<audit::Head> now = get_head(database);
        if (!now || now->first_sequence <= stretch->first_sequence) {
            return stretch;
        }
    }
}

Result<AuditVerdict> verify(Database &database) {
    AuditVerdict verdict;
    for (int64_t after = 0;;) {
        Result<AuditStretch> stretch = verify_stretch(database, after, kMaxStretch);
        if (!stretch) {
            return fail(stretch.error());
        }
        const int64_t rows = verdict.rows + stretch->verdict.rows;
        verdict = std::move(stretch->verdict);
        verdict.rows = rows;
        if (!verdict.intact || stretch->through >= stretch->head) {
            return verdict;
        }
        after = stretch->through;
    }
}

}  // namespace nexus::control::store::audit_log
