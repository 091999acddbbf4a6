// Routes of connections as operators see them.
#include "control_plane/api/api.h"
#include "control_plane/api/render.h"
#include "control_plane/services/connections/connection_labels.h"
#include "control_plane/services/time_text.h"
#include "shared/http1/request_rules.h"

namespace nexus::control {

json::Value connection_json(const ConnectionView &view, const ReconnectLinks &links) {
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
    out.set("labels", labels_json(connection.labels))
        .set("metadata", labels_json(connection.metadata))
        .set("variables", labels_json(connection.variables));
    if (!connection.request_rules.empty()) {
        out.set("request_rules", connection.request_rules);
    }
    if (!connection.account_subject.empty()) {
        out.set("account", connection.account_subject);
    }
    if (!connection.flow_id.empty()) {
        out.set("flow_expires_at", to_rfc3339(connection.flow_expires_at));
    }
    if (needs_person(connection) && connection.state != connection::State::kPending) {
        out.set("reconnect_url", links.link_to(connection.id));
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

namespace {

Result<ConnectionQuery> read_query(const Request &request) {
    Result<Paging> paging = request
                                .only_query_parameters({"workspace_id", "provider", "state", "user_id",
                                                        "label", "limit", "cursor"})
                                .and_then([&] { return read_paging(request); });
    if (!paging) {
        return fail(paging.error());
    }
    ConnectionQuery query;
    query.limit = paging->limit;
    query.cursor = paging->cursor;
    for (auto [name, into] :
         {std::pair{"workspace_id", &query.workspace_id}, std::pair{"provider", &query.provider},
          std::pair{"state", &query.state}, std::pair{"user_id", &query.user_id}}) {
        Result<std::optional<std::string>> value = request.query_parameter(name);
        if (!value) {
            return fail(value.error());
        }
        *into = value->value_or("");
    }
    for (const auto &[name, value] : request.query) {
        if (name == "label" && !value.empty()) {
            query.labels.push_back(value);
        }
    }
    return query;
}

Result<Response> list(ApiContext &context, const Request &request, const Caller &caller) {
    Result<ConnectionQuery> query = read_query(request);
    if (!query) {
        return fail(query.error());
    }
    return context.connections.list(caller, *query).map([&](const ConnectionViewPage &page) {
        return list_response(
            page, [&](const ConnectionView &view) { return connection_json(view, context.links); });
    });
}

Result<Response> get(ApiContext &context, const Request &request, const Caller &caller) {
    return context.connections.get(caller, std::string{request.path_parameter("id")})
        .map([&](const ConnectionView &view) {
            return Response::json(200, connection_json(view, context.links));
        });
}

// The claims as they are, and whose they are.
Result<Response> identity(ApiContext &context, const Request &request, const Caller &caller) {
    Result<AccountIdentity> found =
        context.connections.identity(caller, std::string{request.path_parameter("id")});
    Result<json::Value> claims = found ? json::parse_object(found->identity.claims) : fail(found.error());
    if (!claims) {
        return fail(claims.error());
    }
    json::Value out = json::Value::object();
    out.set("connection_id", found->view.connection.id).set("provider", found->view.provider);
    for (const std::string &name : claims->names()) {
        out.set(name, claims->get(name));
    }
    out.set("updated_at", to_rfc3339(found->identity.updated_at));
    return Response::json(200, out);
}

// {"labels": {name: value or null}, "request_rules": ["GET /repos/*"], "if_generation": 7}: what is absent
// stays
Result<Response> patch(ApiContext &context, const Request &request, const Caller &caller) {
    Result<json::Value> body = request.json_body();
    if (!body) {
        return fail(body.error());
    }
    json::ObjectReader reader(*body);
    ConnectionPatch wish;
    wish.request_rules =
        reader.optional_strings("request_rules", http1::kMaxRequestRules, http1::kMaxRequestRuleBytes);
    if (!reader.has("request_rules") || reader.has("labels")) {
        wish.labels = reader.required_object("labels");
    }
    reader.ignore("labels");  // null
    wish.if_generation = read_if_generation(reader);
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    return context.connections.patch(caller, std::string{request.path_parameter("id")}, wish)
        .map([&](const ConnectionView &view) {
            return Response::json(200, connection_json(view, context.links));
        });
}

Result<Response> reconnect(ApiContext &context, const Request &request, const Caller &caller) {
    Result<json::Value> body =
        request.body.empty() ? Result<json::Value>{json::Value::object()} : request.json_body();
    if (!body) {
        return fail(body.error());
    }
    json::ObjectReader reader(*body);
    ReconnectRequest wish;
    wish.connection_id = request.path_parameter("id");
    read_reconnect(reader, wish);
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    return context.consents.reconnect(caller, wish).map([](const Consent &consent) {
        return Response::json(200, consent_json(consent));
    });
}

// true, false or "unsupported"; absent where it had ended before.
void set_upstream(json::Value &out, const Ended &ended) {
    if (!ended.upstream) {
        return;
    }
    if (*ended.upstream == UpstreamRevocation::kUnsupported) {
        out.set("upstream_revoked", to_string(*ended.upstream));
    } else {
        out.set("upstream_revoked", *ended.upstream == UpstreamRevocation::kDone);
    }
}

Result<Response> remove(ApiContext &context, const Request &request, const Caller &caller) {
    return context.connections.remove(caller, std::string{request.path_parameter("id")})
        .map([](const Ended &ended) {
            json::Value out = json::Value::object();
            out.set("id", ended.view.connection.id).set("message", "Connection deleted");
            set_upstream(out, ended);
            return Response::json(200, out);
        });
}

Result<Response> revoke(ApiContext &context, const Request &request, const Caller &caller) {
    return context.connections.revoke(caller, std::string{request.path_parameter("id")})
        .map([&](const Ended &ended) {
            json::Value out = connection_json(ended.view, context.links);
            set_upstream(out, ended);
            return Response::json(200, out);
        });
}

}  // namespace

Routes connection_routes(ApiContext &context) {
    return {
        {"GET", "/connections", control(Scope::kConnectionsRead), bind(context, list)},
        {"GET", "/connections/{id}", control(Scope::kConnectionsRead), bind(context, get)},
        {"GET", "/connections/{id}/identity", control(Scope::kConnectionsRead), bind(context, identity)},
        {"PATCH", "/connections/{id}", control(Scope::kConnectionsWrite), bind(context, patch)},
        {"DELETE", "/connections/{id}", control(Scope::kConnectionsWrite), bind(context, remove)},
        {"POST", "/connections/{id}/reconnect", control(Scope::kConnectionsWrite), bind(context, reconnect)},
        {"POST", "/connections/{id}/revoke", control(Scope::kConnectionsWrite), bind(context, revoke)},
    };
}

}  // namespace nexus::control
