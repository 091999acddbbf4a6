// Routes of scoped control-plane keys.
#include "control_plane/api/api.h"
#include "control_plane/api/keys.h"
#include "control_plane/api/render.h"
#include "control_plane/services/time_text.h"

namespace nexus::control {

namespace {

json::Value row_json(const store::ControlKeyRow &row, UnixMs now) {
    json::Value out = json::Value::object();
    out.set("id", row.key_id).set("name", row.name).set("scopes", scope_names(Scopes{row.scopes}));
    if (!row.workspace_id.empty()) {
        out.set("workspace_id", row.workspace_id);
    }
    out.set("state", row.revoked_at == 0 && row.is_suspended ? "suspended"
                                                             : key_state(row.revoked_at, row.expires_at, now))
        .set("created_at", to_rfc3339(row.created_at));
    set_time(out, "expires_at", row.expires_at);
    set_time(out, "last_used_at", row.last_used_at);
    return out;
}

Result<Response> create(ApiContext &context, const Request &request, const Caller &caller) {
    Result<json::Value> body = request.json_body();
    if (!body) {
        return fail(body.error());
    }
    json::ObjectReader reader(*body);
    ControlKeyRequest wish;
    wish.name = reader.required_string("name", 255);
    if (!reader.has("scopes")) {
        reader.required_string("scopes");
    } else {
        wish.scopes = reader.strings_or_empty("scopes", 32, 64);
    }
    wish.workspace_id = optional_workspace(reader);
    wish.expires_at = read_key_expiry(reader, "expires_in_s", context.clock());
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    return context.control_keys.create(caller, wish).map([&](const NewControlKey &made) {
        json::Value out = row_json(made.row, context.clock());
        out.set("key", new_key_json(made.key));
        return Response::json(201, out).with("Cache-Control", "no-store");
    });
}

Result<Response> list(ApiContext &context, const Request &request, const Caller &caller) {
    const Result<WorkspaceListQuery> query = read_workspace_list(request);
    if (!query) {
        return fail(query.error());
    }
    return context.control_keys.list(caller, query->workspace_id, query->paging.limit, query->paging.cursor)
        .map([&](const store::ControlKeyPage &page) {
            return list_response(
                page, [&](const store::ControlKeyRow &row) { return row_json(row, context.clock()); });
        });
}

Result<Response> get(ApiContext &context, const Request &request, const Caller &caller) {
    return context.control_keys.get(caller, std::string{request.path_parameter("id")})
        .map([&](const store::ControlKeyRow &row) {
            return Response::json(200, row_json(row, context.clock()));
        });
}

Result<Response> rotate(ApiContext &context, const Request &request, const Caller &caller) {
    Result<Rotation> wish = read_rotation(request, context.clock());
    if (!wish) {
        return fail(wish.error());
    }
    return context.control_keys
        .rotate(caller, std::string{request.path_parameter("id")}, wish->overlap_ms, wish->expires_at)
        .map([&](const RotatedControlKey &made) {
            json::Value out = row_json(made.row, context.clock());
            out.set("key", new_key_json(made.rotated.key)).set("old_key", old_key_json(made.rotated));
            return Response::json(201, out).with("Cache-Control", "no-store");
        });
}

Result<Response> revoke(ApiContext &context, const Request &request, const Caller &caller) {
    return context.control_keys.revoke(caller, std::string{request.path_parameter("id")}).map([] {
        return Response::json(200, json::Value::object().set("message", "Key revoked"));
    });
}

}  // namespace

Routes control_key_routes(ApiContext &context) {
    const Access admin = control(Scope::kKeysAdmin);
    return {
        {"POST", "/admin/keys", admin, bind(context, create)},
        {"GET", "/admin/keys", admin, bind(context, list)},
        {"GET", "/admin/keys/{id}", admin, bind(context, get)},
        {"DELETE", "/admin/keys/{id}", admin, bind(context, revoke)},
        {"POST", "/admin/keys/{id}/rotate", admin, bind(context, rotate)},
    };
}

}  // namespace nexus::control
