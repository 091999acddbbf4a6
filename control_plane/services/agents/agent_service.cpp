// Agents themselves: see agent_service.h. Keys are agent_keys.cpp's, identities agent_identities.cpp's.
#include "control_plane/services/agents/agent_service.h"

#include <algorithm>

#include "control_plane/log/log.h"
#include "control_plane/services/connections/record_builder.h"
#include "control_plane/services/label.h"
#include "control_plane/services/providers/provider_profile.h"
#include "control_plane/store/moving_row.h"
#include "control_plane/store/transition.h"
#include "control_plane/store/workspace_repository.h"
#include "shared/crypto/random.h"
#include "shared/encoding/hex.h"

namespace nexus::control {

namespace {

constexpr size_t kMaxNarrowing = 256;

tl::unexpected<Error> refuse(std::string_view member, std::string_view sentence) {
    return fail(Errc::kInvalidRequest, "member " + std::string{member} + " " + std::string{sentence},
                std::string{member});
}

Result<uint32_t> parse_grants(const std::vector<std::string> &names) {
    uint32_t bits = 0;
    for (const std::string &name : names) {
        std::optional<record::Grant> grant = record::parse_grant(name);
        if (!grant) {
            return refuse("grants",
                          "must hold token:use, token:read, connection:create, connection:refresh or admin");
        }
        bits |= static_cast<uint32_t>(*grant);
    }
    if (bits == 0) {
        return refuse("grants", "must name at least one grant");
    }
    return bits;
}

// Edges know of an agent what fits into a record: more would never reach them, and a narrowing least of all.
Result<void> check_fits(const store::Agent &agent) {
    constexpr size_t kForKeyAndNames = 1024;
    Result<record::CallerRecord> record = caller_record_of(agent);
    if (!record) {
        return fail(record.error());
    }
    record->key_sha256.assign(crypto::Sha256Hex{}.size(), '0');
    return record::encode_caller(*record).and_then([](const Secret &payload) -> Result<void> {
        const size_t most = record::kMaxRecordBytes - record::kOverheadBytes - kForKeyAndNames;
        if (payload.size() <= most) {
            return {};
        }
        return fail(Errc::kInvalidRequest, "connections, providers and aliases take " +
                                               std::to_string(payload.size()) +
                                               " bytes together, of at most " + std::to_string(most));
    });
}

// Writes what `wish` names into the agent, checked.
Result<void> apply(const AgentUpdate &wish, store::Agent &agent) {
    if (wish.name) {
        if (!is_label(*wish.name)) {
            return refuse("name", "must be 1 to 255 bytes without control characters");
        }
        agent.name = *wish.name;
    }
    if (wish.grants) {
        Result<uint32_t> grants = parse_grants(*wish.grants);
        if (!grants) {
            return fail(grants.error());
        }
        agent.grants = *grants;
    }
    if (wish.connections) {
        agent.connections.clear();
        for (const std::string &id : *wish.connections) {
            if (!encoding::is_uuid(id)) {
                return refuse("connections", "must hold UUIDs");
            }
            agent.connections.push_back(encoding::to_lower_ascii(id));
        }
    }
    if (wish.providers) {
        if (!std::all_of(wish.providers->begin(), wish.providers->end(), is_provider_name)) {
            return refuse("providers", "must hold provider names");
        }
        agent.providers = *wish.providers;
    }
    if (wish.aliases) {
        Result<std::string> aliases = checked_aliases(*wish.aliases);
        if (!aliases) {
            return fail(aliases.error());
        }
        agent.aliases = std::move(*aliases);
    }
    if (agent.connections.size() > kMaxNarrowing || agent.providers.size() > kMaxNarrowing) {
        return refuse("connections", "and providers hold at most 256 entries");
    }
    return check_fits(agent);
}

/// Does the narrowing let more through than before? An empty one lets everything through.
bool is_wider(const std::vector<std::string> &before, const std::vector<std::string> &after) {
    return !before.empty() &&
           (after.empty() || !std::all_of(after.begin(), after.end(), [&](const std::string &one) {
                return std::find(before.begin(), before.end(), one) != before.end();
            }));
}

/// What the agent can do that it could not before: its new grants, or all of them where there is more to use
/// them on.
uint32_t gained_grants(const store::Agent &before, const store::Agent &after) {
    return is_wider(before.connections, after.connections) || is_wider(before.providers, after.providers)
               ? after.grants
               : after.grants & ~before.grants;
}

tl::unexpected<Error> not_to_give() {
    return fail(Errc::kInsufficientGrant, "this key cannot give grants that it does not have itself",
                "grants");
}

}  // namespace

Result<NewAgent> AgentService::create(const Caller &caller, const AgentRequest &request) {
    UnixMs now = clock_();
    store::Agent agent;
    if (Result<void> applied = apply(
            {request.name, request.grants, request.connections, request.providers, request.aliases}, agent);
        !applied) {
        return fail(applied.error());
    }
    Result<std::string> workspace = caller.require_workspace(request.workspace_id);
    if (!workspace) {
        return fail(workspace.error());
    }
    if (!is_label(*workspace)) {
        return refuse("workspace_id", "must be 1 to 255 bytes without control characters");
    }
    if (request.key_expires_at != 0 && request.key_expires_at <= now) {
        return refuse("key_expires_in_s", "must end in the future");
    }
    if (!caller.may_give(agent.grants)) {
        return not_to_give();
    }
    agent.workspace_id = std::move(*workspace);
    agent.id = crypto::random_uuid();
    agent.created_at = agent.updated_at = now;
    NewKey key = new_api_key(kAgentKeyPrefix, now, request.key_expires_at);
    Result<store::Agent> stored = database_.transact([&](store::Transaction &sql) -> Result<store::Agent> {
        if (Result<void> used = store::workspaces::use(sql, agent.workspace_id, now); !used) {
            return fail(used.error());
        }
        if (Result<void> created = store::agents::create(sql, agent); !created) {
            return fail(created.error());
        }
        Result<store::Agent> with_key = store::agents::add_key(sql, stored_form(key, agent.id), now);
        if (!with_key) {
            return with_key;
        }
        audit::Event event = caller.event(audit::kAgentCreated, "agent_id", agent.id);
        Result<void> published = store::publish_agent(sql, *with_key, std::move(event), now);
        return published ? std::move(with_key) : fail(published.error());
    });
    if (!stored) {
        return fail(stored.error());
    }
    log::info("agent_created", {{"agent_id", stored->id}, {"key_id", key.key_id}});
    publish(*stored);
    return NewAgent{std::move(*stored), std::move(key)};
}

Result<store::AgentPage> AgentService::list(const Caller &caller, const std::string &workspace_id,
                                            int64_t limit, const std::string &cursor) {
    return caller.choose_workspace(workspace_id).and_then([&](const std::string &workspace) {
        return store::agents::list(database_, workspace, limit, cursor);
    });
}

Result<AgentDetails> AgentService::get(const Caller &caller, const std::string &id) {
    Result<store::Agent> agent = find(database_, caller, id);
    if (!agent) {
        return fail(agent.error());
    }
    Result<std::vector<store::AgentKey>> keys = store::agents::list_keys(database_, agent->id);
    if (!keys) {
        return fail(keys.error());
    }
    Result<std::vector<store::AgentIdentity>> identities =
        store::agent_identities::list(database_, agent->id);
    if (!identities) {
        return fail(identities.error());
    }
    return AgentDetails{std::move(*agent), std::move(*keys), std::move(*identities)};
}

Result<store::Agent> AgentService::update(const Caller &caller, const std::string &id,
                                          const AgentUpdate &update) {
    const auto write = [&](store::Transaction &sql, const store::Agent &before) -> Result<store::Agent> {
        if (update.if_generation && *update.if_generation != before.generation) {
            return fail(Errc::kConflict, "the agent was changed meanwhile", "if_generation");
        }
        store::Agent after = before;
        if (Result<void> applied = apply(update, after); !applied) {
            return fail(applied.error());
        }
        if (!caller.may_give(gained_grants(before, after))) {
            return not_to_give();
        }
        return store::agents::update(sql, after, before.generation, clock_());
    };
    return store::while_it_moves(
        [&] { return change(caller, id, caller.event(audit::kAgentUpdated, "agent_id", id), write); });
}

Result<void> AgentService::remove(const Caller &caller, const std::string &id) {
    return change(caller, id, caller.event(audit::kAgentRevoked, "agent_id", id),
                  [&](store::Transaction &sql, const store::Agent &agent) {
                      return store::agents::revoke(sql, agent.id, clock_());
                  })
        .map([](const store::Agent &) {});
}

Result<store::Agent> AgentService::find(store::Executor &sql, const Caller &caller, const std::string &id) {
    const Error not_found{Errc::kAgentNotFound, "there is no such agent", {}, 0};
    if (!encoding::is_uuid(id)) {
        return fail(not_found);
    }
    Result<store::Agent> agent = store::agents::get(sql, encoding::to_lower_ascii(id));
    if (agent && !caller.may_enter(agent->workspace_id)) {
        return fail(not_found);
    }
    return agent;
}

Result<store::Agent> AgentService::change(const Caller &caller, const std::string &id,
                                          const audit::Event &event, const Change &change) {
    Result<store::Agent> changed = database_.transact([&](store::Transaction &sql) -> Result<store::Agent> {
        Result<store::Agent> before = find(sql, caller, id);
        Result<store::Agent> after = before ? change(sql, *before) : std::move(before);
        if (!after) {
            return after;
        }
        Result<void> published = store::publish_agent(sql, *after, event, clock_());
        return published ? std::move(after) : fail(published.error());
    });
    if (changed) {
        log::info("agent_changed", {{"change", event.type}, {"agent_id", changed->id}});
        publish(*changed);
    }
    return changed;
}

// At once, in this thread: who revokes a key expects the next call with it to fail.
void AgentService::publish(const store::Agent &agent) {
    Result<std::vector<std::string>> hashes = store::agents::list_hashes(database_, agent.id);
    for (size_t i = 0; hashes && i < hashes->size(); ++i) {
        if (!drainer_.flush(redis::EventKind::kCaller, (*hashes)[i], agent.generation)) {
            break;  // Redis is away: the drainer goes on with the rest
        }
    }
    drainer_.notify();
}

}  // namespace nexus::control
