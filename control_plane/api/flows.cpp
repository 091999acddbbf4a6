// Routes that start and finish flows: consent, callback, capture. The latter two are for browsers: a signed
// state is their ticket.
#include "control_plane/api/api.h"
#include "control_plane/api/browser.h"
#include "control_plane/api/render.h"
#include "shared/encoding/hex.h"
#include "shared/encoding/query.h"

namespace nexus::control {

namespace {

Result<Response> consent_spec(ApiContext &context, const Request &request, const Caller &caller) {
    Result<json::Value> body = request.json_body();
    if (!body) {
        return fail(body.error());
    }
    json::ObjectReader reader(*body);
    ConsentRequest wish;
    wish.workspace_id = read_workspace(reader, caller);
    wish.provider_id = reader.required_string("provider_id", 64);
    wish.return_url = reader.required_string("return_url");
    wish.user_id = reader.string_or("user_id", "", 255);
    wish.scopes = reader.strings_or_empty("scopes", 100, 256);
    wish.variables = reader.object_or_null("variables");
    wish.labels = reader.object_or_null("labels");
    wish.subject = read_subject(reader);
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    return context.consents.start(caller, wish).map([](const Consent &consent) {
        return Response::json(200, consent_json(consent));
    });
}

// With a connection_id: the same connection again, for whoever may see it. Who may allow another account is
// who could make any connection there: a control-plane key, or an agent that administers its workspace.
Result<Response> request_again(ApiContext &context, const json::Value &body, const Caller &caller) {
    json::ObjectReader reader(body);
    ReconnectRequest wish;
    wish.connection_id = reader.required_string("connection_id", 64);
    read_reconnect(reader, wish);
    for (std::string_view name :
         {"user_id", "provider_id", "provider_name", "workspace_id", "metadata", "action"}) {
        reader.ignore(name);  // the connection has its own
    }
    if (wish.allow_other_account && !caller.may(record::Grant::kAdmin)) {
        reader.refuse("allow_other_account", "needs the grant admin");
    }
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    return context.consents.reconnect(caller, wish).map([](const Consent &consent) {
        return Response::json(200, consent_json(consent));
    });
}

// Workspace: the agent's own; a control-plane key names it.
Result<Response> request_connection(ApiContext &context, const Request &request, const Caller &caller) {
    if (!caller.may(record::Grant::kConnectionCreate)) {
        return fail(Errc::kInsufficientGrant, "this needs the grant connection:create");
    }
    Result<json::Value> body = request.json_body();
    if (!body) {
        return fail(body.error());
    }
    if (!body->get("connection_id").is_null()) {
        return request_again(context, *body, caller);
    }
    body->erase("connection_id");
    if (!caller.agent.connections.empty()) {
        return fail(Errc::kInsufficientGrant,
                    "an agent that is narrowed to connections cannot ask for new ones");
    }
    json::ObjectReader reader(*body);
    ConsentRequest wish;
    wish.workspace_id = read_workspace(reader, caller);
    wish.user_id = reader.required_string("user_id", 255);
    wish.provider_id = reader.string_or("provider_id", "", 64);
    wish.provider_name = reader.string_or("provider_name", "", 255);
    wish.return_url = reader.required_string("return_url");
    wish.scopes = reader.strings_or_empty("scopes", 100, 256);
    wish.variables = reader.object_or_null("variables");
    wish.labels = reader.object_or_null("labels");
    wish.subject = read_subject(reader);
    reader.ignore("metadata");
    reader.ignore("action");
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    if (wish.provider_id.empty() && wish.provider_name.empty()) {
        return fail(Errc::kMissingFields, "provider_id or provider_name is required", "provider_id");
    }
    return context.consents.start(caller, wish).map([](const Consent &consent) {
        return Response::json(200, consent_json(consent));
    });
}

Result<CallbackInput> read_callback(const Request &request) {
    CallbackInput input;
    Result<std::string> state = required_query(request, "state");
    Result<std::optional<std::string>> error = request.query_parameter("error");
    // An empty one is compared as well (RFC 9207 section 2.4).
    Result<std::optional<std::string>> iss = encoding::one_parameter(request.query, "iss");
    if (!state) {
        return fail(state.error());
    }
    if (!error || !iss) {
        return fail(Errc::kInvalidRequest, "a parameter of the callback comes twice");
    }
    input.state = std::move(*state);
    input.parameters = request.query;
    input.error = std::move(*error);
    input.iss = std::move(*iss);
    input.cookie_header = std::string{request.header("cookie")};
    input.redirect_segment = encoding::to_lower_ascii(request.path_parameter("provider_id"));
    return input;
}

Result<Response> callback(ApiContext &context, const Request &request, const Caller &caller) {
    Result<FlowEnd> end = read_callback(request).and_then(
        [&](const CallbackInput &input) { return context.callbacks.finish(caller, input); });
    return end ? flow_end(*end, request, context.config) : flow_error(end.error(), request);
}

Result<Response> capture_schema(ApiContext &context, const Request &request) {
    return required_query(request, "state")
        .and_then([&](const std::string &state) { return context.captures.form(state); })
        .map([](const CaptureForm &form) {
            return Response::json(200, capture_form_json(form)).with("Cache-Control", "no-store");
        });
}

Result<Response> capture_credential(ApiContext &context, const Request &request, const Caller &caller) {
    Result<json::Value> body = request.json_body();
    if (!body) {
        return fail(body.error());
    }
    json::ObjectReader reader(*body);
    std::string state = reader.required_string("state", kMaxStateBytes);
    json::Value credentials = reader.required_object("credentials");
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    return context.captures.capture(caller, state, credentials).map([](const Captured &captured) {
        json::Value out = json::Value::object();
        out.set("connection_id", captured.connection_id)
            .set("status", "active")
            .set("redirect_url", captured.redirect_url);
        return Response::json(200, out).with("Cache-Control", "no-store");
    });
}

}  // namespace

Routes flow_routes(ApiContext &context) {
    Routes routes{
        {"POST", "/auth/consent-spec", control(Scope::kConnectionsWrite), bind(context, consent_spec)},
        {"POST", "/v1/request-connection", kGateway, bind(context, request_connection)},
        {"GET", "/auth/callback", kPublic, bind(context, callback)},
        {"GET", "/auth/callback/{provider_id}", kPublic, bind(context, callback)},
        {"GET", "/auth/capture-schema", kPublic, bind(context, capture_schema)},
        {"POST", "/auth/capture-credential", kPublic, bind(context, capture_credential)},
        {"GET", "/v1/capture-schema", kPublic, bind(context, capture_schema)},
        {"POST", "/v1/capture-credential", kPublic, bind(context, capture_credential)},
    };
    if (context.config.redirect_path != "/auth/callback") {
        for (const char *own : {"", "/{provider_id}"}) {
            routes.push_back({"GET", context.config.redirect_path + own, kPublic, bind(context, callback)});
        }
    }
    return routes;
}

}  // namespace nexus::control
