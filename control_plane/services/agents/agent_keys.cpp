// Keys of agents: add, rotate, revoke. The agent itself is agent_service.cpp's.
#include <algorithm>

#include "control_plane/services/agents/agent_service.h"

namespace nexus::control {

namespace {

Result<void> check_gift(const Caller &caller, const store::Agent &agent, UnixMs expires_at, UnixMs now) {
    if (expires_at != 0 && expires_at <= now) {
        return fail(Errc::kInvalidRequest, "member expires_in_s must end in the future", "expires_in_s");
    }
    return check_credential_gift(caller, agent);
}

}  // namespace

Result<void> check_credential_gift(const Caller &caller, const store::Agent &agent) {
    if (!caller.may_give(agent.grants)) {
        return fail(Errc::kInsufficientGrant, "this key cannot give grants that it does not have itself");
    }
    return {};
}

store::AgentKey stored_form(const NewKey &key, const std::string &agent_id) {
    store::AgentKey out;
    out.key_id = key.key_id;
    out.agent_id = agent_id;
    out.sha256 = key.sha256;
    out.created_at = key.created_at;
    out.expires_at = key.expires_at;
    return out;
}

Result<NewKey> AgentService::add_key(const Caller &caller, const std::string &id, UnixMs expires_at) {
    UnixMs now = clock_();
    NewKey key = new_api_key(kAgentKeyPrefix, now, expires_at);
    return change(caller, id, caller.event(audit::kAgentKeyAdded, "key_id", key.key_id),
                  [&](store::Transaction &sql, const store::Agent &agent) -> Result<store::Agent> {
                      if (Result<void> checked = check_gift(caller, agent, expires_at, now); !checked) {
                          return fail(checked.error());
                      }
                      return store::agents::add_key(sql, stored_form(key, agent.id), now);
                  })
        .map([&](const store::Agent &) { return std::move(key); });
}

Result<RotatedKey> AgentService::rotate_key(const Caller &caller, const std::string &id,
                                            const std::string &key_id, UnixMs overlap_ms, UnixMs expires_at) {
    UnixMs now = clock_();
    RotatedKey out{new_api_key(kAgentKeyPrefix, now, expires_at), key_id, 0};
    const auto write = [&](store::Transaction &sql, const store::Agent &agent) -> Result<store::Agent> {
        if (Result<void> checked = check_gift(caller, agent, expires_at, now); !checked) {
            return fail(checked.error());
        }
        Result<store::AgentKey> old = store::agents::get_key(sql, agent.id, key_id);
        if (!old) {
            return fail(old.error());
        }
        if (old->expires_at != 0 && old->expires_at <= now) {
            return fail(Errc::kAgentNotFound, "the agent has no such living key");
        }
        if (Result<store::Agent> ended =
                store::agents::end_key_by(sql, agent.id, key_id, now + overlap_ms, now);
            !ended) {
            return ended;
        }
        if (expires_at == 0 && old->lifetime() != 0) {  // a key that ends is replaced by one that ends
            out.key.expires_at = now + old->lifetime();
        }
        out.old_expires_at =
            old->expires_at == 0 ? now + overlap_ms : std::min(old->expires_at, now + overlap_ms);
        return store::agents::add_key(sql, stored_form(out.key, agent.id), now);
    };
    audit::Event event = caller.event(audit::kAgentKeyRotated, "key_id", key_id);
    return change(caller, id, event, write).map([&](const store::Agent &) { return std::move(out); });
}

Result<void> AgentService::remove_key(const Caller &caller, const std::string &id,
                                      const std::string &key_id) {
    return change(caller, id, caller.event(audit::kAgentKeyRevoked, "key_id", key_id),
                  [&](store::Transaction &sql, const store::Agent &agent) {
                      return store::agents::revoke_key(sql, agent.id, key_id, clock_());
                  })
        .map([](const store::Agent &) {});
}

}  // namespace nexus::control
