// Routes that read and refresh tokens: the gateway API for agents, and the broker's own for control-plane
// keys.
#include "control_plane/api/api.h"
#include "control_plane/api/render.h"
#include "shared/encoding/query.h"

namespace nexus::control {

namespace {

std::string connection_id(const Request &request) {
    return std::string{request.path_parameter("id")};
}

Response token_response(json::Value body) {
    return Response::json(200, body).with("Cache-Control", "no-store");
}

/// ?auto_refresh=true: as POST /v1/refresh/{id} first. Empty is not absent here: whoever wrote it wanted
/// something. errors kInvalidRequest
Result<bool> wants_refresh(const Request &request) {
    Result<std::optional<std::string>> wish = encoding::one_parameter(request.query, "auto_refresh");
    if (!wish) {
        return fail(wish.error());
    }
    if (!*wish || **wish == "false") {
        return false;
    }
    return **wish == "true"
               ? Result<bool>{true}
               : fail(Errc::kInvalidRequest, "auto_refresh must be true or false", "auto_refresh");
}

Result<record::TokenRecord> read_or_refresh(ApiContext &context, const Request &request,
                                            const Caller &caller) {
    Result<bool> refreshes = wants_refresh(request);
    if (!refreshes) {
        return fail(refreshes.error());
    }
    if (!*refreshes) {
        return context.tokens.read(caller, connection_id(request));
    }
    if (!caller.may(record::Grant::kTokenRead)) {
        return fail(Errc::kInsufficientGrant, "this needs the grant token:read");
    }
    return context.tokens.refresh(caller, connection_id(request));
}

Result<Response> token(ApiContext &context, const Request &request, const Caller &caller) {
    Result<record::TokenRecord> record = read_or_refresh(context, request, caller);
    if (!record) {
        return token_error(record.error(), request, context.links);
    }
    return token_response(token_json(*record, context.clock()));
}

// Who may refresh but not read learns only that it worked.
Result<Response> refresh(ApiContext &context, const Request &request, const Caller &caller) {
    Result<record::TokenRecord> record = context.tokens.refresh(caller, connection_id(request));
    if (!record) {
        return token_error(record.error(), request, context.links);
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
    return {
        {"GET", "/v1/token/{id}", kGateway, bind(context, token)},
        {"POST", "/v1/refresh/{id}", kGateway, bind(context, refresh)},
        {"GET", "/v1/check-connection/{id}", kGateway, bind(context, check)},
        {"GET", "/connections/{id}/token", control(Scope::kTokensRead), bind(context, token)},
        {"POST", "/connections/{id}/refresh", control(Scope::kTokensRefresh), bind(context, refresh)},
    };
}

}  // namespace nexus::control
