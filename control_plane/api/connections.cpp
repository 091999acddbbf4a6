// Routes of connections as operators see them.
#include "control_plane/api/api.h"
#include "control_plane/api/render.h"
#include "control_plane/services/time_text.h"

namespace nexus::control {

namespace {

json::Value connection_json(const ConnectionView &view) {
    const store::Connection &connection = view.connection;
    json::Value out = json::Value::object();
    out.set("id", connection.id)
        .set("workspace_id", connection.workspace_id)
        .set("user_id", connection.user_id)
        .set("provider_id", connection.provider_id)
        .set("provider", view.provider)
        .set("state", to_string(connection.state))
        .set("generation", connection.generation)
        .set("scopes", connection.scopes)
        .set("refreshable", connection.refreshable);
    if (!connection.attention_reason.empty()) {
        out.set("reason", connection.attention_reason);
    }
    if (connection.expires_at != 0) {
        out.set("expires_at", to_rfc3339(connection.expires_at));
    }
    if (connection.last_refreshed_at != 0) {
        out.set("last_refreshed_at", to_rfc3339(connection.last_refreshed_at));
    }
    out.set("created_at", to_rfc3339(connection.created_at))
        .set("updated_at", to_rfc3339(connection.updated_at));
    return out;
}

Result<ConnectionQuery> read_query(const Request &request) {
    Result<Paging> paging =
        request.only_query_parameters({"workspace_id", "provider", "state", "limit", "cursor"}).and_then([&] {
            return read_paging(request);
        });
    if (!paging) {
        return fail(paging.error());
    }
    ConnectionQuery query;
    query.limit = paging->limit;
    query.cursor = paging->cursor;
    for (auto [name, into] : {std::pair{"workspace_id", &query.workspace_id},
                              std::pair{"provider", &query.provider}, std::pair{"state", &query.state}}) {
        Result<std::optional<std::string>> value = request.query_parameter(name);
        if (!value) {
            return fail(value.error());
        }
        *into = value->value_or("");
    }
    return query;
}

Result<Response> list(ApiContext &context, const Request &request, const Caller &caller) {
    Result<ConnectionQuery> query = read_query(request);
    if (!query) {
        return fail(query.error());
    }
    return context.connections.list(caller, *query).map([](const ConnectionViewPage &page) {
        json::Value items = json::Value::array();
        for (const ConnectionView &view : page.items) {
            items.append(connection_json(view));
        }
        return Response::json(200, page_json(std::move(items), page.next_cursor));
    });
}

Result<Response> get(ApiContext &context, const Request &request, const Caller &caller) {
    return context.connections.get(caller, std::string{request.path_parameter("id")})
        .map([](const ConnectionView &view) { return Response::json(200, connection_json(view)); });
}

Result<Response> revoke(ApiContext &context, const Request &request, const Caller &caller) {
    return context.connections.revoke(caller, std::string{request.path_parameter("id")})
        .map([](const ConnectionView &view) { return Response::json(200, connection_json(view)); });
}

}  // namespace

Routes connection_routes(ApiContext &context) {
    return {
        {"GET", "/connections", control(Scope::kConnectionsRead), bind(context, list)},
        {"GET", "/connections/{id}", control(Scope::kConnectionsRead), bind(context, get)},
        {"POST", "/connections/{id}/revoke", control(Scope::kConnectionsWrite), bind(context, revoke)},
    };
}

}  // namespace nexus::control
