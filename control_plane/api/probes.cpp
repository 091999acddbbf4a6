// Routes for operators' probes: alive, ready, metrics.
#include "control_plane/api/api.h"
#include "control_plane/metrics/metrics.h"

namespace nexus::control {

namespace {

// Redis away is worth telling and no reason to take this process out of service: edges fall through to it.
Response readiness(ApiContext &context) {
    bool database = context.database.ping().has_value();
    bool redis = context.cache.ping().has_value();
    json::Value out = json::Value::object();
    out.set("status", database ? "ready" : "unavailable")
        .set("database", database ? "ok" : "unavailable")
        .set("redis", redis ? "ok" : "unavailable");
    Response response = Response::json(database ? 200 : 503, out);
    return database ? std::move(response) : std::move(response).with("Retry-After", "1");
}

}  // namespace

Routes probe_routes(ApiContext &context) {
    auto health = [](const Request &, const Caller &) -> Result<Response> {
        return Response::json(200, json::Value::object().set("status", "healthy"));
    };
    auto ready = [&context](const Request &, const Caller &) -> Result<Response> {
        return readiness(context);
    };
    auto metrics = [&context](const Request &, const Caller &) -> Result<Response> {
        return Response::text(200, context.metrics.render(), "text/plain; version=0.0.4; charset=utf-8");
    };
    return {
        {"GET", "/health", kPublic, health},
        {"GET", "/ready", kPublic, ready},
        {"GET", "/metrics", kMetrics, metrics},
    };
}

}  // namespace nexus::control
