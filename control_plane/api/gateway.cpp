// Routes that read and refresh tokens: the gateway API for agents, and the broker's own for control-plane
// keys.
#include "control_plane/api/api.h"
#include "control_plane/api/render.h"

namespace nexus::control {

namespace {

std::string connection_id(const Request &request) {
    return std::string{request.path_parameter("id")};
}

Response token_response(json::Value body) {
    return Response::json(200, body).with("Cache-Control", "no-store");
}

Result<Response> token(ApiContext &context, const Request &request, const Caller &caller) {
    Result<record::TokenRecord> record = context.tokens.read(caller, connection_id(request));
    if (!record) {
        return token_error(record.error(), request);
    }
    return token_response(token_json(*record, context.clock()));
}

// Who may refresh but not read learns only that it worked.
Result<Response> refresh(ApiContext &context, const Request &request, const Caller &caller) {
    Result<record::TokenRecord> record = context.tokens.refresh(caller, connection_id(request));
    if (!record) {
        return token_error(record.error(), request);
    }
    bool may_read = caller.may(record::Grant::kTokenRead);
    return token_response(may_read ? token_json(*record, context.clock()) : status_json(*record));
}

Result<Response> check(ApiContext &context, const Request &request, const Caller &caller) {
    return context.tokens.check(caller, connection_id(request)).map([](connection::State state) {
        return Response::json(200, json::Value::object().set("status", to_string(state)));
    });
}

}  // namespace

Routes gateway_routes(ApiContext &context) {
    auto with_caller = [&context](auto handler) -> CallerHandler {
        return [&context, handler](const Request &request, const Caller &caller) {
            return handler(context, request, caller);
        };
    };
    return {
        {"GET", "/v1/token/{id}", Access::kGateway, with_caller(token)},
        {"POST", "/v1/refresh/{id}", Access::kGateway, with_caller(refresh)},
        {"GET", "/v1/check-connection/{id}", Access::kGateway, with_caller(check)},
        {"GET", "/connections/{id}/token", Access::kControl, with_caller(token)},
        {"POST", "/connections/{id}/refresh", Access::kControl, with_caller(refresh)},
    };
}

}  // namespace nexus::control
