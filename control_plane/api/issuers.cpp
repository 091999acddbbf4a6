// Routes of trusted issuers.
#include "control_plane/api/api.h"
#include "control_plane/api/render.h"
#include "control_plane/services/time_text.h"

namespace nexus::control {

namespace {

constexpr size_t kMaxJwksBytes = 64 * 1024;

// The kids that edges know now: what an operator looks for after a rotation.
std::vector<std::string> key_ids(const store::TrustedIssuer &issuer) {
    std::vector<std::string> ids;
    const Result<json::Value> set = json::parse_object(issuer.jwks);
    const json::Value keys = set ? set->get("keys") : json::Value{};
    for (size_t i = 0; i < keys.size(); ++i) {
        ids.emplace_back(keys.at(i).get("kid").as_string());
    }
    return ids;
}

json::Value issuer_json(const store::TrustedIssuer &issuer) {
    json::Value out = json::Value::object();
    out.set("id", issuer.id).set("issuer", issuer.issuer);
    if (!issuer.workspace_id.empty()) {
        out.set("workspace_id", issuer.workspace_id);
    }
    out.set("audiences", issuer.audiences)
        .set("algorithms", issuer.algorithms)
        .set("leeway_s", issuer.leeway_s)
        .set("max_age_s", issuer.max_age_s)
        .set("keys_from", !issuer.inline_jwks.empty() ? "jwks"
                          : !issuer.jwks_uri.empty()  ? "jwks_uri"
                                                      : "discovery");
    if (!issuer.jwks_uri.empty()) {
        out.set("jwks_uri", issuer.jwks_uri);
    }
    out.set("key_ids", key_ids(issuer))
        .set("created_at", to_rfc3339(issuer.created_at))
        .set("updated_at", to_rfc3339(issuer.updated_at));
    return out;
}

/// A JWK Set as JSON, not as text: as its issuer publishes it.
std::optional<std::string> read_jwks(json::ObjectReader &reader) {
    if (!reader.has("jwks")) {
        reader.any("jwks");
        return std::nullopt;
    }
    std::string text = reader.object_or_null("jwks").dump_text();
    if (text.size() > kMaxJwksBytes) {
        reader.refuse("jwks", "is larger than 64 KiB");
    }
    return text;
}

Result<Response> create(ApiContext &context, const Request &request, const Caller &caller) {
    Result<json::Value> body = request.json_body();
    if (!body) {
        return fail(body.error());
    }
    json::ObjectReader reader(*body);
    IssuerRequest wish;
    wish.issuer = reader.required_string("issuer", 512);
    wish.workspace_id = optional_workspace(reader);
    if (!reader.has("audiences")) {
        reader.required_string("audiences");  // a token for anybody would do
    } else {
        wish.audiences = reader.strings_or_empty("audiences", 16, 255);
    }
    wish.algorithms = reader.strings_or_empty("algorithms", 16, 16);
    wish.jwks = read_jwks(reader).value_or("");
    wish.jwks_uri = reader.string_or("jwks_uri", "");
    wish.leeway_s = reader.integer_or("leeway_s", wish.leeway_s, 0, 300);
    wish.max_age_s = reader.integer_or("max_age_s", 0, 0, 30LL * 24 * 3600);
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    return context.issuers.create(caller, wish).map([](const store::TrustedIssuer &issuer) {
        return Response::json(201, issuer_json(issuer));
    });
}

Result<Response> list(ApiContext &context, const Request &request, const Caller &caller) {
    const Result<WorkspaceListQuery> query = read_workspace_list(request);
    if (!query) {
        return fail(query.error());
    }
    return context.issuers.list(caller, query->workspace_id, query->paging.limit, query->paging.cursor)
        .map([](const store::TrustedIssuerPage &page) { return list_response(page, issuer_json); });
}

Result<Response> get(ApiContext &context, const Request &request, const Caller &caller) {
    return context.issuers.get(caller, std::string{request.path_parameter("id")})
        .map([](const store::TrustedIssuer &issuer) { return Response::json(200, issuer_json(issuer)); });
}

// PATCH: what is absent or null stays. Where the keys come from is one choice: jwks, jwks_uri, or "" for
// discovery.
Result<Response> update(ApiContext &context, const Request &request, const Caller &caller) {
    Result<json::Value> body = request.json_body();
    if (!body) {
        return fail(body.error());
    }
    json::ObjectReader reader(*body);
    IssuerUpdate wish;
    wish.audiences = reader.optional_strings("audiences", 16, 255);
    wish.algorithms = reader.optional_strings("algorithms", 16, 16);
    wish.jwks = read_jwks(reader);
    wish.jwks_uri = reader.optional_string("jwks_uri");
    const auto seconds = [&](std::string_view name, int64_t max) {
        const bool is_there = reader.has(name);
        const int64_t value = reader.integer_or(name, 0, 0, max);
        return is_there ? std::optional{value} : std::nullopt;
    };
    wish.leeway_s = seconds("leeway_s", 300);
    wish.max_age_s = seconds("max_age_s", 30LL * 24 * 3600);
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    return context.issuers.update(caller, std::string{request.path_parameter("id")}, wish)
        .map([](const store::TrustedIssuer &issuer) { return Response::json(200, issuer_json(issuer)); });
}

Result<Response> remove(ApiContext &context, const Request &request, const Caller &caller) {
    return context.issuers.remove(caller, std::string{request.path_parameter("id")}).map([] {
        return Response::json(200, json::Value::object().set("message", "Issuer removed"));
    });
}

}  // namespace

Routes issuer_routes(ApiContext &context) {
    return {
        {"POST", "/admin/issuers", control(Scope::kAgentsWrite), bind(context, create)},
        {"GET", "/admin/issuers", control(Scope::kAgentsRead), bind(context, list)},
        {"GET", "/admin/issuers/{id}", control(Scope::kAgentsRead), bind(context, get)},
        {"PATCH", "/admin/issuers/{id}", control(Scope::kAgentsWrite), bind(context, update)},
        {"DELETE", "/admin/issuers/{id}", control(Scope::kAgentsWrite), bind(context, remove)},
    };
}

}  // namespace nexus::control
