// JSON that several groups of routes share: see render.h.
#include "control_plane/api/render.h"

#include <charconv>
#include <limits>

#include "control_plane/services/time_text.h"
#include "shared/encoding/hex.h"

namespace nexus::control {

namespace {

json::Value credentials_json(const record::TokenRecord &record, UnixMs now) {
    json::Value out = json::Value::object();
    for (const auto &[name, value] : record.credentials) {
        if (name != "refresh_token") {
            out.set(name, value);
        }
    }
    if (record.expires_at != 0) {
        out.set("expires_at", to_rfc3339(record.expires_at)).set("expired", now >= record.expires_at);
    }
    return out;
}

json::Value strategy_json(const record::TokenRecord &record) {
    json::Value config = json::Value::object();
    for (const auto &[name, value] : record.strategy_config) {
        config.set(name, value);
    }
    json::Value out = json::Value::object();
    out.set("type", record.strategy).set("config", std::move(config));
    return out;
}

}  // namespace

Result<Paging> read_paging(const Request &request, int64_t default_limit) {
    Paging paging{default_limit, {}};
    Result<std::optional<std::string>> limit = request.query_parameter("limit");
    Result<std::optional<std::string>> cursor = request.query_parameter("cursor");
    if (!limit || !cursor) {
        return fail(!limit ? limit.error() : cursor.error());
    }
    if (*limit) {
        const std::string &text = **limit;
        auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), paging.limit);
        if (error != std::errc{} || end != text.data() + text.size() || paging.limit < 1 ||
            paging.limit > 1000) {
            return fail(Errc::kInvalidRequest, "parameter limit must be a number from 1 to 1000", "limit");
        }
    }
    paging.cursor = cursor->value_or("");
    return paging;
}

Result<WorkspaceListQuery> read_workspace_list(const Request &request) {
    if (Result<void> known = request.only_query_parameters({"workspace_id", "limit", "cursor"}); !known) {
        return fail(known.error());
    }
    Result<Paging> paging = read_paging(request);
    if (!paging) {
        return fail(paging.error());
    }
    Result<std::optional<std::string>> workspace = request.query_parameter("workspace_id");
    if (!workspace) {
        return fail(workspace.error());
    }
    return WorkspaceListQuery{workspace->value_or(""), std::move(*paging)};
}

std::string read_workspace(json::ObjectReader &reader, const Caller &caller) {
    const bool has_own = caller.kind == Caller::Kind::kAgent || !caller.workspace_id.empty();
    return has_own ? optional_workspace(reader) : reader.required_string("workspace_id", 255);
}

std::string optional_workspace(json::ObjectReader &reader) {
    std::optional<std::string> workspace = reader.optional_string("workspace_id", 255);
    if (workspace && workspace->empty()) {
        reader.refuse("workspace_id", "must not be empty");
    }
    return workspace.value_or("");
}

std::optional<int64_t> read_if_generation(json::ObjectReader &reader) {
    const bool is_given = reader.has("if_generation");
    const int64_t generation = reader.integer_or("if_generation", 0, 0, std::numeric_limits<int64_t>::max());
    return is_given ? std::optional{generation} : std::nullopt;
}

Result<std::string> required_query(const Request &request, std::string_view name) {
    Result<std::optional<std::string>> value = request.query_parameter(name);
    if (!value) {
        return fail(value.error());
    }
    if (!*value || (*value)->empty()) {
        return fail(Errc::kMissingFields, "parameter " + std::string{name} + " is required",
                    std::string{name});
    }
    return std::move(**value);
}

json::Value page_json(json::Value items, const std::string &next_cursor) {
    json::Value out = json::Value::object();
    out.set("items", std::move(items));
    if (!next_cursor.empty()) {
        out.set("next_cursor", next_cursor);
    }
    return out;
}

json::Value token_json(const record::TokenRecord &record, UnixMs now) {
    json::Value credentials = credentials_json(record, now);
    json::Value out = json::Value::object();
    if (record.strategy == "oauth2") {
        for (const std::string &name : credentials.names()) {
            out.set(name, credentials.get(name));  // repeated, for clients that read them here
        }
    }
    if (record.expires_at != 0) {
        out.set("expiry", to_rfc3339(record.expires_at));
    }
    if (!record.scopes.empty()) {
        out.set("scopes", record.scopes);
    }
    out.set("strategy", strategy_json(record)).set("credentials", std::move(credentials));
    return out;
}

json::Value status_json(const record::TokenRecord &record) {
    json::Value out = json::Value::object();
    out.set("status", to_string(record.state));
    if (record.expires_at != 0) {
        out.set("expiry", to_rfc3339(record.expires_at));
    }
    return out;
}

json::Value consent_json(const Consent &consent) {
    json::Value out = json::Value::object();
    out.set("authUrl", consent.auth_url)
        .set("state", consent.state)
        .set("scopes", consent.scopes)
        .set("provider_id", consent.provider_id)
        .set("connection_id", consent.connection_id)
        .set("status", to_string(consent.state_of_connection));
    return out;
}

void read_reconnect(json::ObjectReader &reader, ReconnectRequest &into) {
    into.return_url = reader.string_or("return_url", "");
    if (reader.has("return_url") && into.return_url.empty()) {
        reader.refuse("return_url", "must not be empty");  // left out, it is where the last flow ended
    }
    into.scopes = reader.strings_or_empty("scopes", 100, 256);
    into.variables = reader.object_or_null("variables");
    into.allow_other_account = reader.boolean_or("allow_other_account", false);
    into.subject = read_subject(reader);
}

SubjectToken read_subject(json::ObjectReader &reader) {
    SubjectToken out;
    out.token = reader.optional_secret("subject_token", 16 * 1024).value_or(Secret{});
    if (reader.has("subject_token") && out.token.empty()) {
        reader.refuse("subject_token", "must not be empty");
    }
    out.type = reader.string_or("subject_token_type", "", 255);
    if (out.type.empty() && !out.token.empty()) {
        out.type = "urn:ietf:params:oauth:token-type:access_token";
    }
    return out;
}

json::Value capture_form_json(const CaptureForm &form) {
    json::Value out = json::Value::object();
    out.set("provider_name", form.provider_name).set("schema", form.schema.borrow());
    return out;
}

Response token_error(const Error &error, const Request &request, const ReconnectLinks &links) {
    Response response = error_response(error, request.request_id);
    if (error.errc != Errc::kAttentionRequired) {
        return response;
    }
    Result<json::Value> body = json::parse_object(response.body.view());
    if (body) {
        body->set("reason", error.detail);
        body->set("reconnect_url", links.link_to(encoding::to_lower_ascii(request.path_parameter("id"))));
        response.body = body->dump();
    }
    return response;
}

}  // namespace nexus::control
