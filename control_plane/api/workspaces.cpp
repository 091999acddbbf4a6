// Routes of workspaces.
#include "control_plane/api/api.h"
#include "control_plane/api/keys.h"
#include "control_plane/api/render.h"
#include "control_plane/services/time_text.h"

namespace nexus::control {

namespace {

json::Value workspace_json(const store::Workspace &workspace) {
    json::Value out = json::Value::object();
    out.set("id", workspace.id)
        .set("name", workspace.name)
        .set("state", workspace.suspended_at == 0 ? "active" : "suspended")
        .set("created_at", to_rfc3339(workspace.created_at));
    set_time(out, "suspended_at", workspace.suspended_at);
    return out;
}

Response answer(const store::Workspace &workspace) {
    return Response::json(200, workspace_json(workspace));
}

Result<Response> create(ApiContext &context, const Request &request, const Caller &caller) {
    Result<json::Value> body = request.json_body();
    if (!body) {
        return fail(body.error());
    }
    json::ObjectReader reader(*body);
    const std::string id = reader.required_string("id", 255);
    const std::string name = reader.string_or("name", "", 255);
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    return context.workspaces.create(caller, id, name).map([](const store::Workspace &workspace) {
        return Response::json(201, workspace_json(workspace));
    });
}

Result<Response> list(ApiContext &context, const Request &request, const Caller &caller) {
    Result<Paging> paging =
        request.only_query_parameters({"limit", "cursor"}).and_then([&] { return read_paging(request); });
    if (!paging) {
        return fail(paging.error());
    }
    return context.workspaces.list(caller, paging->limit, paging->cursor)
        .map([](const store::WorkspacePage &page) { return list_response(page, workspace_json); });
}

Result<Response> get(ApiContext &context, const Request &request, const Caller &caller) {
    return context.workspaces.get(caller, std::string{request.path_parameter("id")})
        .map([](const WorkspaceDetails &details) {
            json::Value counts = json::Value::object();
            counts.set("connections", details.counts.connections)
                .set("agents", details.counts.agents)
                .set("keys", details.counts.keys);
            json::Value out = workspace_json(details.workspace);
            out.set("counts", std::move(counts));
            return Response::json(200, out);
        });
}

Result<Response> update(ApiContext &context, const Request &request, const Caller &caller) {
    Result<json::Value> body = request.json_body();
    if (!body) {
        return fail(body.error());
    }
    json::ObjectReader reader(*body);
    WorkspaceUpdate wish;
    wish.name = reader.optional_string("name", 255);
    if (reader.has("suspended")) {
        wish.suspended = reader.boolean_or("suspended", false);
    } else {
        reader.ignore("suspended");  // null
    }
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    return context.workspaces.update(caller, std::string{request.path_parameter("id")}, wish).map(answer);
}

// Nothing is erased: connections, agents and keys stay, and PATCH {"suspended": false} brings them back.
Result<Response> suspend(ApiContext &context, const Request &request, const Caller &caller) {
    return context.workspaces.update(caller, std::string{request.path_parameter("id")}, {{}, true})
        .map(answer);
}

}  // namespace

Routes workspace_routes(ApiContext &context) {
    return {
        {"POST", "/admin/workspaces", control(Scope::kAgentsWrite), bind(context, create)},
        {"GET", "/admin/workspaces", control(Scope::kAgentsRead), bind(context, list)},
        {"GET", "/admin/workspaces/{id}", control(Scope::kAgentsRead), bind(context, get)},
        {"PATCH", "/admin/workspaces/{id}", control(Scope::kAgentsWrite), bind(context, update)},
        {"DELETE", "/admin/workspaces/{id}", control(Scope::kAgentsWrite), bind(context, suspend)},
    };
}

}  // namespace nexus::control
