// Routes of agents, their keys and their identities.
#include <cstdlib>

#include "control_plane/api/api.h"
#include "control_plane/api/keys.h"
#include "control_plane/api/render.h"
#include "control_plane/services/time_text.h"

namespace nexus::control {

namespace {

std::vector<std::string> grant_names(uint32_t grants) {
    using record::Grant;
    std::vector<std::string> names;
    for (Grant grant : {Grant::kTokenUse, Grant::kTokenRead, Grant::kConnectionCreate,
                        Grant::kConnectionRefresh, Grant::kAdmin}) {
        if ((grants & static_cast<uint32_t>(grant)) != 0) {
            names.emplace_back(to_string(grant));
        }
    }
    return names;
}

json::Value agent_json(const store::Agent &agent) {
    json::Value out = json::Value::object();
    out.set("id", agent.id)
        .set("name", agent.name)
        .set("workspace_id", agent.workspace_id)
        .set("grants", grant_names(agent.grants))
        .set("connections", agent.connections)
        .set("providers", agent.providers)
        .set("state", agent.revoked_at != 0 ? "revoked"
                      : agent.is_suspended  ? "suspended"
                                            : "active")
        .set("generation", agent.generation)
        .set("created_at", to_rfc3339(agent.created_at));
    if (json::Value aliases = aliases_json(agent.aliases); aliases.size() != 0) {
        out.set("aliases", std::move(aliases));
    }
    return out;
}

// The members that the kind has, and that were given.
json::Value identity_json(const store::AgentIdentity &identity) {
    json::Value out = json::Value::object();
    out.set("id", identity.id).set("kind", caller::to_string(identity.kind));
    switch (identity.kind) {
        case caller::Method::kMtls:
            out.set("san", identity.subject);
            break;
        case caller::Method::kPeer:
            out.set("uid", int64_t{std::strtoll(identity.subject.c_str(), nullptr, 10)});
            break;
        default:
            out.set("issuer", identity.issuer).set("subject", identity.subject);
    }
    out.set("created_at", to_rfc3339(identity.created_at));
    set_time(out, "last_used_at", identity.last_used_at);
    return out;
}

json::Value identities_json(const std::vector<store::AgentIdentity> &identities) {
    json::Value items = json::Value::array();
    for (const store::AgentIdentity &identity : identities) {
        items.append(identity_json(identity));
    }
    return items;
}

Result<Response> create(ApiContext &context, const Request &request, const Caller &caller) {
    Result<json::Value> body = request.json_body();
    if (!body) {
        return fail(body.error());
    }
    json::ObjectReader reader(*body);
    AgentRequest wish;
    wish.name = reader.required_string("name", 255);
    wish.workspace_id = read_workspace(reader, caller);
    if (!reader.has("grants")) {
        reader.required_string("grants");  // an agent that may do nothing is a mistake
    } else {
        wish.grants = reader.strings_or_empty("grants", 16, 64);
    }
    wish.connections = reader.strings_or_empty("connections", 256, 64);
    wish.providers = reader.strings_or_empty("providers", 256, 255);
    Result<Aliases> aliases = read_aliases(reader.object_or_null("aliases"));
    wish.key_expires_at = read_key_expiry(reader, "key_expires_in_s", context.clock());
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    if (!aliases) {
        return fail(aliases.error());
    }
    wish.aliases = std::move(*aliases);
    return context.agents.create(caller, wish).map([](const NewAgent &created) {
        json::Value out = agent_json(created.agent);
        out.set("key", new_key_json(created.key));
        return Response::json(201, out).with("Cache-Control", "no-store");
    });
}

Result<Response> list(ApiContext &context, const Request &request, const Caller &caller) {
    const Result<WorkspaceListQuery> query = read_workspace_list(request);
    if (!query) {
        return fail(query.error());
    }
    return context.agents.list(caller, query->workspace_id, query->paging.limit, query->paging.cursor)
        .map([](const store::AgentPage &page) { return list_response(page, agent_json); });
}

Result<Response> get(ApiContext &context, const Request &request, const Caller &caller) {
    return context.agents.get(caller, std::string{request.path_parameter("id")})
        .map([&](const AgentDetails &details) {
            json::Value keys = json::Value::array();
            for (const store::AgentKey &key : details.keys) {
                keys.append(key_json(key, context.clock()));
            }
            json::Value out = agent_json(details.agent);
            out.set("keys", std::move(keys)).set("identities", identities_json(details.identities));
            return Response::json(200, out);
        });
}

// PATCH: what is absent or null stays.
Result<Response> update(ApiContext &context, const Request &request, const Caller &caller) {
    Result<json::Value> body = request.json_body();
    if (!body) {
        return fail(body.error());
    }
    json::ObjectReader reader(*body);
    AgentUpdate wish;
    wish.name = reader.optional_string("name", 255);
    wish.grants = reader.optional_strings("grants", 16, 64);
    wish.connections = reader.optional_strings("connections", 256, 64);
    wish.providers = reader.optional_strings("providers", 256, 255);
    const bool has_aliases = reader.has("aliases");
    Result<Aliases> aliases = read_aliases(reader.object_or_null("aliases"));
    wish.if_generation = read_if_generation(reader);
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    if (!aliases) {
        return fail(aliases.error());
    }
    if (has_aliases) {
        wish.aliases = std::move(*aliases);
    }
    return context.agents.update(caller, std::string{request.path_parameter("id")}, wish)
        .map([](const store::Agent &agent) { return Response::json(200, agent_json(agent)); });
}

Result<Response> remove(ApiContext &context, const Request &request, const Caller &caller) {
    return context.agents.remove(caller, std::string{request.path_parameter("id")}).map([] {
        return Response::json(200, json::Value::object().set("message", "Agent revoked"));
    });
}

Result<Response> add_key(ApiContext &context, const Request &request, const Caller &caller) {
    Result<json::Value> body = optional_body(request);
    if (!body) {
        return fail(body.error());
    }
    json::ObjectReader reader(*body);
    UnixMs expires_at = read_key_expiry(reader, "expires_in_s", context.clock());
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    return context.agents.add_key(caller, std::string{request.path_parameter("id")}, expires_at)
        .map([](const NewKey &key) {
            json::Value out = json::Value::object();
            out.set("key", new_key_json(key));
            return Response::json(201, out).with("Cache-Control", "no-store");
        });
}

Result<Response> rotate_key(ApiContext &context, const Request &request, const Caller &caller) {
    Result<Rotation> wish = read_rotation(request, context.clock());
    if (!wish) {
        return fail(wish.error());
    }
    return context.agents
        .rotate_key(caller, std::string{request.path_parameter("id")},
                    std::string{request.path_parameter("key_id")}, wish->overlap_ms, wish->expires_at)
        .map([](const RotatedKey &rotated) {
            json::Value out = json::Value::object();
            out.set("key", new_key_json(rotated.key)).set("old_key", old_key_json(rotated));
            return Response::json(201, out).with("Cache-Control", "no-store");
        });
}

Result<Response> remove_key(ApiContext &context, const Request &request, const Caller &caller) {
    return context.agents
        .remove_key(caller, std::string{request.path_parameter("id")},
                    std::string{request.path_parameter("key_id")})
        .map([] { return Response::json(200, json::Value::object().set("message", "Key revoked")); });
}

Result<Response> add_identity(ApiContext &context, const Request &request, const Caller &caller) {
    Result<json::Value> body = request.json_body();
    if (!body) {
        return fail(body.error());
    }
    json::ObjectReader reader(*body);
    IdentityRequest wish;
    wish.kind = reader.required_string("kind", 16);
    wish.issuer = reader.string_or("issuer", "", caller::kMaxIssuerBytes);
    wish.subject = reader.string_or("subject", "", caller::kMaxSubjectBytes);
    wish.san = reader.string_or("san", "", caller::kMaxSanBytes);
    const bool has_uid = reader.has("uid");
    const int64_t uid = reader.integer_or("uid", 0, 0, 0xffff'fffe);
    if (has_uid) {
        wish.uid = uid;
    }
    if (Result<void> finished = reader.finish(); !finished) {
        return fail(finished.error());
    }
    return context.agents.add_identity(caller, std::string{request.path_parameter("id")}, wish)
        .map([](const store::AgentIdentity &identity) {
            return Response::json(201, identity_json(identity));
        });
}

Result<Response> list_identities(ApiContext &context, const Request &request, const Caller &caller) {
    return context.agents.list_identities(caller, std::string{request.path_parameter("id")})
        .map([](const std::vector<store::AgentIdentity> &identities) {
            return Response::json(200, page_json(identities_json(identities), ""));
        });
}

Result<Response> remove_identity(ApiContext &context, const Request &request, const Caller &caller) {
    return context.agents
        .remove_identity(caller, std::string{request.path_parameter("id")},
                         std::string{request.path_parameter("identity_id")})
        .map([] { return Response::json(200, json::Value::object().set("message", "Identity removed")); });
}

}  // namespace

Routes agent_routes(ApiContext &context) {
    return {
        {"POST", "/admin/agents", control(Scope::kAgentsWrite), bind(context, create)},
        {"GET", "/admin/agents", control(Scope::kAgentsRead), bind(context, list)},
        {"GET", "/admin/agents/{id}", control(Scope::kAgentsRead), bind(context, get)},
        {"PATCH", "/admin/agents/{id}", control(Scope::kAgentsWrite), bind(context, update)},
        {"DELETE", "/admin/agents/{id}", control(Scope::kAgentsWrite), bind(context, remove)},
        {"POST", "/admin/agents/{id}/keys", control(Scope::kAgentsWrite), bind(context, add_key)},
        {"DELETE", "/admin/agents/{id}/keys/{key_id}", control(Scope::kAgentsWrite),
         bind(context, remove_key)},
        {"POST", "/admin/agents/{id}/keys/{key_id}/rotate", control(Scope::kAgentsWrite),
         bind(context, rotate_key)},
        {"POST", "/admin/agents/{id}/identities", control(Scope::kAgentsWrite), bind(context, add_identity)},
        {"GET", "/admin/agents/{id}/identities", control(Scope::kAgentsRead), bind(context, list_identities)},
        {"DELETE", "/admin/agents/{id}/identities/{identity_id}", control(Scope::kAgentsWrite),
         bind(context, remove_identity)},
    };
}

}  // namespace nexus::control
