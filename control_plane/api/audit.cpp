// Routes of the audit log: the reference implementation's list, with more filters and pages; and its
// verification.
#include <charconv>

#include "control_plane/api/api.h"
#include "control_plane/api/render.h"
#include "control_plane/services/time_text.h"
#include "shared/encoding/hex.h"
#include "shared/encoding/percent.h"

namespace nexus::control {

namespace {

constexpr int64_t kDefaultLimit = 50;
constexpr int64_t kMaxLimit = 1000;
constexpr int64_t kVerifyLimit = 5000;
constexpr int64_t kMaxVerifyLimit = 10000;
constexpr size_t kMaxFilterBytes = 255;

std::optional<int64_t> parse_number(std::string_view text) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional{number} : std::nullopt;
}

/// A number from `min` to `max`; `fallback` where the parameter is absent. errors kInvalidRequest
Result<int64_t> number_parameter(const Request &request, std::string_view name, int64_t fallback, int64_t min,
                                 int64_t max) {
    Result<std::optional<std::string>> text = request.query_parameter(name);
    if (!text) {
        return fail(text.error());
    }
    const bool is_given = *text && !(*text)->empty();
    const std::optional<int64_t> number = is_given ? parse_number(**text) : std::optional{fallback};
    if (!number || *number < min || *number > max) {
        return fail(Errc::kInvalidRequest,
                    "parameter " + std::string{name} + " must be a number from " + std::to_string(min) +
                        " to " + std::to_string(max),
                    std::string{name});
    }
    return *number;
}

Result<UnixMs> time_parameter(const Request &request, std::string_view name) {
    Result<std::optional<std::string>> text = request.query_parameter(name);
    if (!text) {
        return fail(text.error());
    }
    const bool is_given = *text && !(*text)->empty();
    const std::optional<UnixMs> time = is_given ? parse_rfc3339(**text) : std::optional<UnixMs>{0};
    return time ? Result<UnixMs>{*time}
                : fail(Errc::kInvalidSince, "parameter " + std::string{name} + " must be an RFC 3339 time",
                       std::string{name});
}

Result<store::AuditFilter> read_filter(const Request &request) {
    Result<void> known =
        request.only_query_parameters({"event_type", "connection_id", "workspace_id", "provider_id", "actor",
                                       "since", "until", "limit", "cursor"});
    if (!known) {
        return fail(known.error());
    }
    store::AuditFilter filter;
    for (auto [name, into] :
         {std::pair{"event_type", &filter.event_type}, std::pair{"connection_id", &filter.connection_id},
          std::pair{"workspace_id", &filter.workspace_id}, std::pair{"provider_id", &filter.provider_id},
          std::pair{"actor", &filter.actor}}) {
        Result<std::optional<std::string>> value = request.query_parameter(name);
        if (!value) {
            return fail(value.error());
        }
        *into = value->value_or("");
        if (into->size() > kMaxFilterBytes) {
            return fail(Errc::kInvalidRequest, "parameter " + std::string{name} + " is too long", name);
        }
    }
    Result<UnixMs> since = time_parameter(request, "since");
    Result<UnixMs> until = time_parameter(request, "until");
    Result<int64_t> before = number_parameter(request, "cursor", 0, 0, INT64_MAX);
    if (!since || !until || !before) {
        return fail(!since ? since.error() : !until ? until.error() : before.error());
    }
    filter.since = *since;
    filter.until = *until;
    filter.before_sequence = *before;
    return filter;
}

/// As the reference implementation takes it: what is no number from 1 to 1000 counts as 50.
Result<int64_t> lenient_limit(const Request &request) {
    Result<std::optional<std::string>> text = request.query_parameter("limit");
    if (!text) {
        return fail(text.error());
    }
    const int64_t limit = *text ? parse_number(**text).value_or(0) : 0;
    return limit < 1 || limit > kMaxLimit ? kDefaultLimit : limit;
}

json::Value text_or_null(const std::string &text) {
    return text.empty() ? json::Value{} : json::Value::string(text);
}

// event_data is a string of JSON, as the reference implementation's clients expect.
json::Value event_json(const audit::StoredEvent &row) {
    const audit::Event &event = row.event;
    json::Value out = json::Value::object();
    out.set("id", row.id)
        .set("sequence", row.sequence)
        .set("event_type", event.type)
        .set("event_data", event.data)
        .set("connection_id", text_or_null(event.connection_id))
        .set("workspace_id", text_or_null(event.workspace_id))
        .set("provider_id", text_or_null(event.provider_id))
        .set("actor", event.actor)
        .set("ip_address", text_or_null(event.ip_address))
        .set("user_agent", text_or_null(event.user_agent))
        .set("created_at", to_rfc3339(row.created_at))
        .set("hash", encoding::hex_encode(row.hash));
    return out;
}

std::string next_link(const Request &request, int64_t limit, int64_t cursor) {
    std::string link = "</audit?limit=" + std::to_string(limit) + "&cursor=" + std::to_string(cursor);
    for (const auto &[name, value] : request.query) {
        if (name != "limit" && name != "cursor") {
            link.append("&").append(name).append("=").append(encoding::percent_encode(value));
        }
    }
    return link + ">; rel=\"next\"";
}

Result<Response> list(ApiContext &context, const Request &request, const Caller &caller) {
    Result<store::AuditFilter> filter = read_filter(request);
    Result<std::string> workspace =
        filter ? caller.choose_workspace(filter->workspace_id) : fail(filter.error());
    if (!workspace) {
        return fail(workspace.error());
    }
    filter->workspace_id = std::move(*workspace);
    Result<int64_t> limit = filter ? lenient_limit(request) : fail(filter.error());
    if (!limit) {
        return fail(limit.error());
    }
    return context.audit_log.list(*filter, *limit).map([&](const std::vector<audit::StoredEvent> &rows) {
        json::Value items = json::Value::array();
        for (const audit::StoredEvent &row : rows) {
            items.append(event_json(row));
        }
        Response response = Response::json(200, items);
        const bool may_have_more = static_cast<int64_t>(rows.size()) == *limit;
        return may_have_more
                   ? std::move(response).with("Link", next_link(request, *limit, rows.back().sequence))
                   : std::move(response);
    });
}

json::Value check_json(const AuditCheck &check) {
    const store::AuditStretch &stretch = check.stretch;
    json::Value rolled_back = json::Value::array();
    for (const RolledBack &one : check.rolled_back) {
        json::Value item = json::Value::object();
        item.set("connection_id", one.connection_id)
            .set("witnessed", one.witnessed)
            .set("stored", one.stored);
        rolled_back.append(std::move(item));
    }
    json::Value out = json::Value::object();
    out.set("intact", stretch.verdict.intact)
        .set("rows", stretch.verdict.rows)
        .set("through", stretch.through)
        .set("first_sequence", stretch.first_sequence)
        .set("head", stretch.head)
        .set("head_hash", stretch.head_hash)
        .set("unkeyed", stretch.unkeyed)
        .set("rolled_back", std::move(rolled_back));
    if (!stretch.verdict.intact) {
        out.set("first_bad_sequence", stretch.verdict.first_bad_sequence)
            .set("problem", stretch.verdict.problem);
    }
    return out;
}

Result<Response> verify(ApiContext &context, const Request &request, const Caller &caller) {
    if (!caller.workspace_id.empty()) {
        return fail(Errc::kInsufficientGrant, "the chain is every workspace's: this key is bound to one");
    }
    Result<void> known = request.only_query_parameters({"after", "limit"});
    if (!known) {
        return fail(known.error());
    }
    Result<int64_t> after = number_parameter(request, "after", 0, 0, INT64_MAX);
    Result<int64_t> limit = number_parameter(request, "limit", kVerifyLimit, 1, kMaxVerifyLimit);
    if (!after || !limit) {
        return fail(!after ? after.error() : limit.error());
    }
    return context.audit_log.verify(*after, *limit).map([](const AuditCheck &check) {
        return Response::json(200, check_json(check));
    });
}

}  // namespace

Routes audit_routes(ApiContext &context) {
    return {
        {"GET", "/audit", control(Scope::kAuditRead), bind(context, list)},
        {"GET", "/admin/audit/verify", control(Scope::kAuditRead), bind(context, verify)},
    };
}

}  // namespace nexus::control
