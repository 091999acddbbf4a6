// What a take-over says: see report.h.
#include "control_plane/takeover/report.h"

#include <cstdio>

#include "control_plane/cli/print.h"
#include "control_plane/json/json.h"

namespace nexus::control::takeover {

namespace {

constexpr std::array<std::string_view, 2> kKinds{"provider", "connection"};
constexpr std::array<std::string_view, 4> kActions{"create", "unchanged", "skip", "refuse"};
constexpr std::array<const char *, 4> kMarks{"+ CREATE ", "= OK     ", "- SKIP   ", "! REFUSED"};

json::Value entry_json(const Entry &entry) {
    json::Value out = json::Value::object();
    out.set("kind", kKinds[static_cast<size_t>(entry.kind)])
        .set("action", kActions[static_cast<size_t>(entry.action)])
        .set("id", entry.id);
    if (!entry.label.empty()) {
        out.set(entry.kind == Kind::kProvider ? "name" : "provider", entry.label);
    }
    if (!entry.reason.empty()) {
        out.set("reason", entry.reason);
    }
    if (!entry.notes.empty()) {
        out.set("notes", entry.notes);
    }
    return out;
}

void print_text(const Entry &entry) {
    std::string line = std::string{kMarks[static_cast<size_t>(entry.action)]} + " " +
                       std::string{kKinds[static_cast<size_t>(entry.kind)]} + " " + entry.id + " " +
                       entry.label + (entry.reason.empty() ? "" : ": " + entry.reason);
    cli::print_line(line);
    for (const std::string &note : entry.notes) {
        cli::print_line("          " + note);
    }
}

}  // namespace

void Report::add(const Entry &entry) {
    ++counts_[index(entry.kind)][index(entry.action)];
    if (quiet_ && entry.action != Action::kRefuse) {
        return;
    }
    if (json_) {
        cli::print_json(entry_json(entry));
    } else {
        print_text(entry);
    }
}

bool Report::has_refusals() const {
    return count(Kind::kProvider, Action::kRefuse) + count(Kind::kConnection, Action::kRefuse) > 0;
}

void Report::finish(int64_t audit_events, bool complete) const {
    if (json_) {
        json::Value out = json::Value::object();
        out.set("kind", "summary").set("applied", applies_).set("complete", complete);
        for (Kind kind : {Kind::kProvider, Kind::kConnection}) {
            json::Value sums = json::Value::object();
            for (size_t action = 0; action < kActions.size(); ++action) {
                sums.set(kActions[action], counts_[index(kind)][action]);
            }
            out.set(std::string{kKinds[index(kind)]} + "s", std::move(sums));
        }
        out.set("audit_events_not_moved", audit_events);
        return cli::print_json(out);
    }
    for (Kind kind : {Kind::kProvider, Kind::kConnection}) {
        std::printf("%-12s %s%lld, there already %lld, skipped %lld, refused %lld\n",
                    (std::string{kKinds[index(kind)]} + "s").c_str(), applies_ ? "created " : "to create ",
                    static_cast<long long>(count(kind, Action::kCreate)),
                    static_cast<long long>(count(kind, Action::kUnchanged)),
                    static_cast<long long>(count(kind, Action::kSkip)),
                    static_cast<long long>(count(kind, Action::kRefuse)));
    }
    std::printf("audit events %lld, not moved: they stay where they are\n",
                static_cast<long long>(audit_events));
    bool nothing_new =
        count(Kind::kProvider, Action::kCreate) + count(Kind::kConnection, Action::kCreate) == 0;
    if (!complete) {
        std::printf("stopped on the way; run it again: what is there already stays as it is\n");
    } else if (!applies_) {
        std::printf("dry run: nothing was changed; --apply does it\n");
    } else if (nothing_new) {
        std::printf("nothing was changed\n");
    }
}

}  // namespace nexus::control::takeover
