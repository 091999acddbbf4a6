// nexusctl audit: list and verify.
#include <algorithm>

#include "control_plane/cli/commands.h"
#include "control_plane/cli/print.h"
#include "control_plane/url/url.h"

namespace nexus::control::cli {

namespace {

constexpr int64_t kPage = 500;
constexpr const char *kStretch = "5000";

std::string list_path(const AuditListOptions &options, int64_t limit, const std::string &cursor) {
    std::vector<std::pair<std::string, std::string>> query{{"limit", std::to_string(limit)}};
    for (const auto &[name, value] :
         {std::pair{"event_type", &options.type}, std::pair{"connection_id", &options.connection},
          std::pair{"workspace_id", &options.workspace}, std::pair{"provider_id", &options.provider},
          std::pair{"actor", &options.actor}, std::pair{"since", &options.since},
          std::pair{"until", &options.until}, std::pair{"cursor", &cursor}}) {
        if (!value->empty()) {
            query.emplace_back(name, *value);
        }
    }
    return with_query("/audit", query);
}

/// A row that an earlier run saw, "SEQUENCE:HASH" as verify printed it.
struct KnownRow {
    int64_t sequence = 0;
    std::string hash;
};

std::optional<KnownRow> parse_known_row(const std::string &text) {
    const size_t colon = text.find(':');
    const std::string sequence = text.substr(0, colon);
    const std::string hash = colon == std::string::npos ? "" : text.substr(colon + 1);
    if (hash.size() != 64 || sequence.empty() || sequence.size() > 18 ||
        sequence.find_first_not_of("0123456789") != std::string::npos) {
        return std::nullopt;
    }
    return KnownRow{std::stoll(sequence), hash};
}

/// Is the chain's row of that number still that one? nullopt: it could not be asked, and why was told
std::optional<bool> still_holds(const Client &client, const KnownRow &row) {
    const std::string cursor = std::to_string(row.sequence + 1);
    std::optional<json::Value> rows =
        expect(client.call("GET", with_query("/audit", {{"limit", "1"}, {"cursor", cursor}})));
    if (!rows) {
        return std::nullopt;
    }
    return rows->size() == 1 && rows->at(0).get("sequence").as_integer() == row.sequence &&
           text(rows->at(0), "hash") == row.hash;
}

struct Summary {
    int64_t rows = 0;
    int64_t unkeyed = 0;
    std::vector<json::Value> rolled_back;
    json::Value last;  // answer of the last stretch
};

/// Walks stretch by stretch; false = a problem was told already.
bool walk(const Client &client, int64_t after, Summary &summary) {
    for (;;) {
        std::optional<json::Value> stretch =
            expect(client.call("GET", with_query("/admin/audit/verify",
                                                 {{"after", std::to_string(after)}, {"limit", kStretch}})),
                   "intact");
        if (!stretch) {
            return false;
        }
        summary.rows += stretch->get("rows").as_integer();
        summary.unkeyed += stretch->get("unkeyed").as_integer();
        json::Value rolled_back = stretch->get("rolled_back");
        for (size_t i = 0; i < rolled_back.size(); ++i) {
            summary.rolled_back.push_back(rolled_back.at(i));
        }
        const int64_t through = stretch->get("through").as_integer();
        const bool is_end = !stretch->get("intact").as_boolean() || through <= after ||
                            through >= stretch->get("head").as_integer();
        summary.last = std::move(*stretch);
        if (is_end) {
            return true;
        }
        after = through;
    }
}

void tell(const Summary &summary) {
    for (const json::Value &one : summary.rolled_back) {
        problem("connection " + text(one, "connection_id") + " was put back: its credential is of version " +
                std::to_string(one.get("stored").as_integer()) + ", the audit log tells of version " +
                std::to_string(one.get("witnessed").as_integer()));
    }
    if (!summary.last.get("intact").as_boolean()) {
        problem("the audit log is not intact at sequence " +
                std::to_string(summary.last.get("first_bad_sequence").as_integer()) + ": " +
                text(summary.last, "problem"));
        return;
    }
    print_line("intact: " + std::to_string(summary.rows) + " rows, head " +
               std::to_string(summary.last.get("head").as_integer()) + ":" + text(summary.last, "head_hash"));
    if (summary.last.get("first_sequence").as_integer() > 1) {
        print_line("rows before " + std::to_string(summary.last.get("first_sequence").as_integer()) +
                   " were removed by AUDIT_RETENTION_DAYS");
    }
    if (summary.unkeyed > 0) {
        print_line(std::to_string(summary.unkeyed) + " rows are from before the chain had a key");
    }
}

json::Value summary_json(const Summary &summary, bool is_good) {
    json::Value rolled_back = json::Value::array();
    for (const json::Value &one : summary.rolled_back) {
        rolled_back.append(one.borrow());
    }
    json::Value out = summary.last.deep_copy();
    out.set("rows", summary.rows)
        .set("unkeyed", summary.unkeyed)
        .set("rolled_back", std::move(rolled_back))
        .set("ok", is_good);
    return out;
}

}  // namespace

int audit_list(const Client &client, const Output &output, const AuditListOptions &options) {
    json::Value all = json::Value::array();
    std::vector<std::vector<std::string>> rows;
    std::string cursor;
    for (int64_t left = options.limit; left > 0;) {
        const int64_t wanted = std::min(left, kPage);
        std::optional<json::Value> page = expect(client.call("GET", list_path(options, wanted, cursor)));
        if (!page) {
            return 1;
        }
        for (size_t i = 0; i < page->size(); ++i) {
            json::Value event = page->at(i);
            cursor = std::to_string(event.get("sequence").as_integer());
            rows.push_back({cursor, text(event, "created_at"), text(event, "event_type"),
                            text(event, "actor"), text(event, "connection_id"), text(event, "event_data")});
            all.append(std::move(event));
        }
        left -= wanted;
        if (static_cast<int64_t>(page->size()) < wanted) {
            break;
        }
    }
    if (output.json) {
        print_json(all);
    } else {
        print_table({"SEQUENCE", "TIME", "EVENT", "ACTOR", "CONNECTION", "DATA"}, rows);
    }
    return 0;
}

int audit_verify(const Client &client, const Output &output, const AuditVerifyOptions &options) {
    std::optional<KnownRow> known;
    if (!options.expect.empty()) {
        known = parse_known_row(options.expect);
        if (!known) {
            problem("--expect takes SEQUENCE:HASH, as audit verify prints it");
            return kExitUsage;
        }
    }
    Summary summary;
    if (!walk(client, options.after, summary)) {
        return kExitNotVerified;
    }
    bool is_good = summary.last.get("intact").as_boolean() && summary.rolled_back.empty();
    if (known) {
        const std::optional<bool> holds = still_holds(client, *known);
        if (!holds) {
            return kExitNotVerified;
        }
        if (!*holds) {
            is_good = false;
            problem(
                "the chain does not hold " + options.expect +
                " any more: it was cut and written anew, or that row was removed by AUDIT_RETENTION_DAYS");
        }
    }
    if (output.json) {
        print_json(summary_json(summary, is_good));
    } else {
        tell(summary);
    }
    return is_good ? 0 : 1;
}

}  // namespace nexus::control::cli
