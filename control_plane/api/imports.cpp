// POST /connections/import: one connection, or up to a hundred of them.
#include "control_plane/api/api.h"
#include "control_plane/api/render.h"

namespace nexus::control {

namespace {

json::Value item_json(const Result<Imported> &item) {
    json::Value out = json::Value::object();
    if (!item) {
        ErrcInfo info = errc_info(item.error().errc);
        out.set("status", info.http_status).set("error", info.code).set("message", item.error().message);
        if (!item.error().detail.empty()) {
            out.set("detail", item.error().detail);
        }
        return out;
    }
    out.set("status", item->result == ImportResult::kCreated ? 201 : 200)
        .set("result", to_string(item->result))
        .set("id", item->view.connection.id)
        .set("state", to_string(item->view.connection.state));
    if (!item->left_out.empty()) {
        out.set("left_out", item->left_out);
    }
    return out;
}

Result<Response> import_many(ApiContext &context, const Caller &caller, const json::Value &body) {
    json::ObjectReader reader(body);
    json::Value list = reader.any("connections");
    bool dry_run = reader.boolean_or("dry_run", false);
    if (!list.is_array() || list.size() == 0 || list.size() > kMaxImports) {
        reader.refuse("connections", "must be an array of 1 to 100 connections");
    }
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    std::vector<json::Value> items;
    for (size_t i = 0; i < list.size(); ++i) {
        items.push_back(list.at(i));
    }
    json::Value results = json::Value::array();
    for (const Result<Imported> &item : context.imports.import_all(caller, items, dry_run)) {
        results.append(item_json(item));
    }
    json::Value out = json::Value::object();
    out.set("items", std::move(results)).set("dry_run", dry_run);
    return Response::json(200, out);
}

Result<Response> import_connections(ApiContext &context, const Request &request, const Caller &caller) {
    Result<json::Value> body = request.json_body();
    if (!body) {
        return fail(body.error());
    }
    if (!body->get("connections").is_null()) {
        return import_many(context, caller, *body);
    }
    body->erase("connections");
    const json::Value dry = body->get("dry_run");
    const bool dry_run = dry.as_boolean();
    if (dry.is_boolean() || dry.is_null()) {
        body->erase("dry_run");  // anything else is refused as a member that is not known
    }
    return context.imports.import_one(caller, *body, dry_run).map([&](const Imported &imported) {
        bool created = imported.result == ImportResult::kCreated && !dry_run;
        return Response::json(created ? 201 : 200, connection_json(imported.view, context.links));
    });
}

}  // namespace

Routes import_routes(ApiContext &context) {
    return {{"POST", "/connections/import", control(Scope::kConnectionsWrite),
             bind(context, import_connections)}};
}

}  // namespace nexus::control
