// Agents and their API keys: see agent_service.h.
#include "control_plane/services/agent_service.h"

#include <algorithm>

#include "control_plane/log/log.h"
#include "control_plane/services/provider_profile.h"
#include "control_plane/store/transition.h"
#include "shared/crypto/digest.h"
#include "shared/crypto/random.h"
#include "shared/encoding/base64.h"
#include "shared/encoding/hex.h"

namespace nexus::control {

namespace {

constexpr size_t kKeyIdLength = 16;
constexpr size_t kMaxNarrowing = 256;

tl::unexpected<Error> refuse(std::string_view member, std::string_view sentence) {
    return fail(Errc::kInvalidRequest, "member " + std::string{member} + " " + std::string{sentence},
                std::string{member});
}

bool is_label(std::string_view text) {
    return !text.empty() && text.size() <= 255 && std::none_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
}

// 16 of 36 characters, from random bytes without bias: bytes of 252 and above are drawn again.
std::string new_key_id() {
    constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
    constexpr unsigned kFair = 256 - 256 % kAlphabet.size();
    std::string id;
    while (id.size() < kKeyIdLength) {
        for (char c : crypto::random_bytes(kKeyIdLength)) {
            auto byte = static_cast<unsigned char>(c);
            if (byte < kFair && id.size() < kKeyIdLength) {
                id += kAlphabet[byte % kAlphabet.size()];
            }
        }
    }
    return id;
}

NewKey new_key(UnixMs now, UnixMs expires_at) {
    NewKey key;
    key.key_id = new_key_id();
    std::string secret = encoding::base64url_encode(crypto::random_bytes(32));
    std::string text = "nxa_" + key.key_id + "_" + secret;
    wipe(secret);
    key.text = Secret{std::move(text)};
    key.created_at = now;
    key.expires_at = expires_at;
    return key;
}

store::AgentKey stored_form(const NewKey &key, const std::string &agent_id) {
    store::AgentKey out;
    out.key_id = key.key_id;
    out.agent_id = agent_id;
    out.sha256 = crypto::sha256_hex(key.text.view());
    out.created_at = key.created_at;
    out.expires_at = key.expires_at;
    return out;
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

Result<store::Agent> parse_agent(const AgentRequest &request) {
    store::Agent agent;
    if (!is_label(request.name)) {
        return refuse("name", "must be 1 to 255 bytes without control characters");
    }
    if (!is_label(request.workspace_id)) {
        return refuse("workspace_id", "must be 1 to 255 bytes without control characters");
    }
    Result<uint32_t> grants = parse_grants(request.grants);
    if (!grants) {
        return fail(grants.error());
    }
    if (request.connections.size() > kMaxNarrowing || request.providers.size() > kMaxNarrowing) {
        return refuse("connections", "and providers hold at most 256 entries");
    }
    for (const std::string &id : request.connections) {
        if (!encoding::is_uuid(id)) {
            return refuse("connections", "must hold UUIDs");
        }
        agent.connections.push_back(encoding::to_lower_ascii(id));
    }
    if (!std::all_of(request.providers.begin(), request.providers.end(), is_provider_name)) {
        return refuse("providers", "must hold provider names");
    }
    agent.name = request.name;
    agent.workspace_id = request.workspace_id;
    agent.grants = *grants;
    agent.providers = request.providers;
    return agent;
}

Result<std::string> canonical_agent_id(const std::string &id) {
    if (!encoding::is_uuid(id)) {
        return fail(Errc::kAgentNotFound, "no such agent");
    }
    return encoding::to_lower_ascii(id);
}

}  // namespace

Result<NewAgent> AgentService::create(const Caller &caller, const AgentRequest &request) {
    UnixMs now = clock_();
    Result<store::Agent> agent = parse_agent(request);
    if (!agent) {
        return fail(agent.error());
    }
    if (request.key_expires_at != 0 && request.key_expires_at <= now) {
        return refuse("key_expires_in_s", "must end in the future");
    }
    agent->id = crypto::random_uuid();
    agent->created_at = agent->updated_at = now;
    NewKey key = new_key(now, request.key_expires_at);
    Result<store::Agent> stored = database_.transact([&](store::Transaction &sql) -> Result<store::Agent> {
        if (Result<void> created = store::agents::create(sql, *agent); !created) {
            return fail(created.error());
        }
        Result<store::Agent> with_key = store::agents::add_key(sql, stored_form(key, agent->id), now);
        if (!with_key) {
            return with_key;
        }
        audit::Event event = caller.event(audit::kAgentCreated, "agent_id", agent->id);
        event.workspace_id = agent->workspace_id;
        if (Result<void> published = store::publish_agent(sql, *with_key, event, now); !published) {
            return fail(published.error());
        }
        return with_key;
    });
    if (!stored) {
        return fail(stored.error());
    }
    log::info("agent_created", {{"agent_id", stored->id}, {"key_id", key.key_id}});
    publish(*stored);
    return NewAgent{std::move(*stored), std::move(key)};
}

Result<store::AgentPage> AgentService::list(const std::string &workspace_id, int64_t limit,
                                            const std::string &cursor) {
    return store::agents::list(database_, workspace_id, limit, cursor);
}

Result<AgentDetails> AgentService::get(const std::string &id) {
    Result<std::string> canonical = canonical_agent_id(id);
    if (!canonical) {
        return fail(canonical.error());
    }
    Result<store::Agent> agent = store::agents::get(database_, *canonical);
    if (!agent) {
        return fail(agent.error());
    }
    Result<std::vector<store::AgentKey>> keys = store::agents::list_keys(database_, *canonical);
    if (!keys) {
        return fail(keys.error());
    }
    return AgentDetails{std::move(*agent), std::move(*keys)};
}

Result<void> AgentService::remove(const Caller &caller, const std::string &id) {
    Result<std::string> canonical = canonical_agent_id(id);
    if (!canonical) {
        return fail(canonical.error());
    }
    UnixMs now = clock_();
    Result<store::Agent> revoked = database_.transact([&](store::Transaction &sql) -> Result<store::Agent> {
        Result<store::Agent> agent = store::agents::revoke(sql, *canonical, now);
        if (!agent) {
            return agent;
        }
        audit::Event event = caller.event(audit::kAgentRevoked, "agent_id", agent->id);
        event.workspace_id = agent->workspace_id;
        Result<void> published = store::publish_agent(sql, *agent, event, now);
        return published ? std::move(agent) : fail(published.error());
    });
    if (!revoked) {
        return fail(revoked.error());
    }
    log::info("agent_revoked", {{"agent_id", revoked->id}});
    publish(*revoked);
    return {};
}

Result<NewKey> AgentService::add_key(const Caller &caller, const std::string &id, UnixMs expires_at) {
    Result<std::string> canonical = canonical_agent_id(id);
    if (!canonical) {
        return fail(canonical.error());
    }
    UnixMs now = clock_();
    if (expires_at != 0 && expires_at <= now) {
        return refuse("expires_in_s", "must end in the future");
    }
    NewKey key = new_key(now, expires_at);
    Result<store::Agent> stored = database_.transact([&](store::Transaction &sql) -> Result<store::Agent> {
        Result<store::Agent> agent = store::agents::add_key(sql, stored_form(key, *canonical), now);
        if (!agent) {
            return agent;
        }
        audit::Event event = caller.event(audit::kAgentKeyAdded, "key_id", key.key_id);
        event.workspace_id = agent->workspace_id;
        Result<void> published = store::publish_agent(sql, *agent, event, now);
        return published ? std::move(agent) : fail(published.error());
    });
    if (!stored) {
        return fail(stored.error());
    }
    log::info("agent_key_added", {{"agent_id", stored->id}, {"key_id", key.key_id}});
    publish(*stored);
    return key;
}

Result<void> AgentService::remove_key(const Caller &caller, const std::string &id,
                                      const std::string &key_id) {
    Result<std::string> canonical = canonical_agent_id(id);
    if (!canonical) {
        return fail(canonical.error());
    }
    UnixMs now = clock_();
    Result<store::Agent> stored = database_.transact([&](store::Transaction &sql) -> Result<store::Agent> {
        Result<store::Agent> agent = store::agents::revoke_key(sql, *canonical, key_id, now);
        if (!agent) {
            return agent;
        }
        audit::Event event = caller.event(audit::kAgentKeyRevoked, "key_id", key_id);
        event.workspace_id = agent->workspace_id;
        Result<void> published = store::publish_agent(sql, *agent, event, now);
        return published ? std::move(agent) : fail(published.error());
    });
    if (!stored) {
        return fail(stored.error());
    }
    log::info("agent_key_revoked", {{"agent_id", stored->id}, {"key_id", key_id}});
    publish(*stored);
    return {};
}

// At once, in this thread: who revokes a key expects the next call with it to fail.
void AgentService::publish(const store::Agent &agent) {
    Result<std::vector<store::AgentKey>> keys = store::agents::list_keys(database_, agent.id);
    for (size_t i = 0; keys && i < keys->size(); ++i) {
        if (!drainer_.flush(redis::EventKind::kCaller, (*keys)[i].sha256, agent.generation)) {
            break;  // Redis is away: the drainer goes on with the rest
        }
    }
    drainer_.notify();
}

}  // namespace nexus::control
