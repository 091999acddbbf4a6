// Routes of key rotation. nexusctl keys calls them in a loop.
#include "control_plane/api/api.h"
#include "control_plane/api/render.h"

namespace nexus::control {

namespace {

std::string_view role_name(VaultKey::Role role) {
    switch (role) {
        case VaultKey::Role::kCurrent:
            return "current";
        case VaultKey::Role::kPrevious:
            return "previous";
        case VaultKey::Role::kMissing:
            return "missing";
        case VaultKey::Role::kUnknown:
            break;
    }
    return "unknown";
}

json::Value key_json(const VaultKey &key) {
    json::Value out = json::Value::object();
    out.set("id", key.id)
        .set("role", role_name(key.role))
        .set("credentials", key.use.credentials)
        .set("client_secrets", key.use.client_secrets)
        .set("code_verifiers", key.use.code_verifiers)
        .set("installation", key.use.installation)
        .set("removable", key.removable);
    return out;
}

Result<Response> list_keys(ApiContext &context, const Request &request) {
    if (Result<void> known = request.only_query_parameters({}); !known) {
        return fail(known.error());
    }
    return context.vault.keys().map([](const VaultKeys &found) {
        json::Value keys = json::Value::array();
        for (const VaultKey &key : found.keys) {
            keys.append(key_json(key));
        }
        json::Value out = json::Value::object();
        out.set("current", found.keys.front().id).set("left", found.left).set("keys", std::move(keys));
        return Response::json(200, out);
    });
}

json::Value batch_json(const ResealedBatch &batch) {
    json::Value unreadable = json::Value::array();
    for (const ResealedBatch::Unreadable &box : batch.unreadable) {
        json::Value item = json::Value::object();
        item.set("kind", box.kind).set("id", box.id).set("reason", box.reason);
        unreadable.append(std::move(item));
    }
    json::Value out = json::Value::object();
    out.set("resealed", batch.resealed).set("unreadable", std::move(unreadable));
    if (!batch.cursor.empty()) {
        out.set("cursor", batch.cursor);
    }
    return out;
}

Result<Response> rotate(ApiContext &context, const Request &request, const Caller &caller) {
    Result<json::Value> body =
        request.body.empty() ? Result<json::Value>{json::Value::object()} : request.json_body();
    if (!body) {
        return fail(body.error());
    }
    json::ObjectReader reader(*body);
    const int64_t limit = reader.integer_or("limit", 500, 1, 1000);
    const std::string cursor = reader.string_or("cursor", "", 256);
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    return context.vault.rotate(caller, limit, cursor).map([](const ResealedBatch &batch) {
        return Response::json(200, batch_json(batch));
    });
}

}  // namespace

Routes vault_routes(ApiContext &context) {
    return {
        {"GET", "/admin/vault/keys", control(Scope::kVaultAdmin), bind(context, list_keys)},
        {"POST", "/admin/vault/rotate", control(Scope::kVaultAdmin), bind(context, rotate)},
    };
}

}  // namespace nexus::control
