// From keys to callers: see authenticator.h.
#include "control_plane/services/authenticator.h"

#include "shared/crypto/digest.h"
#include "shared/encoding/hex.h"
#include "shared/record/caller_record.h"

namespace nexus::control {

namespace {

tl::unexpected<Error> unknown_key() {
    return fail(Errc::kInvalidApiKey, "the API key is unknown, expired or revoked");
}

Authenticated as_agent(store::Agent agent, const Presented &presented) {
    Authenticated out;
    out.caller.kind = Caller::Kind::kAgent;
    out.caller.actor = "agent:" + agent.id;
    out.caller.ip_address = presented.ip_address;
    out.caller.user_agent = presented.user_agent;
    out.caller.agent = std::move(agent);
    return out;
}

}  // namespace

namespace {

Scopes scopes_of(KeyScope scope) {
    return scope == KeyScope::kFull ? Scopes::all() : Scopes{Scope::kEdge};
}

}  // namespace

Result<Authenticated> Authenticator::authenticate(const Presented &presented) const {
    if (presented.key.empty()) {
        return fail(Errc::kMissingApiKey, "an API key is needed in X-API-Key or Authorization: Bearer");
    }
    std::optional<KeyScope> scope = match_control_key(keys_, presented.key);
    if (!scope) {
        if (!presented.on_behalf_of.empty()) {
            return unknown_key();
        }
        return agent_by_key(presented.key).map([&](store::Agent agent) {
            return as_agent(std::move(agent), presented);
        });
    }
    if (!presented.on_behalf_of.empty()) {
        return agent_by_id(presented.on_behalf_of).map([&](store::Agent agent) {
            Authenticated out = as_agent(std::move(agent), presented);
            out.scopes = scopes_of(*scope);
            return out;
        });
    }
    Authenticated out;
    out.scopes = scopes_of(*scope);
    out.caller.kind = Caller::Kind::kControl;
    out.caller.actor = *scope == KeyScope::kFull ? "key:full" : "key:edge";
    out.caller.ip_address = presented.ip_address;
    out.caller.user_agent = presented.user_agent;
    return out;
}

Result<store::Agent> Authenticator::agent_by_key(std::string_view key) const {
    if (!record::is_agent_key(key)) {
        return unknown_key();
    }
    Result<store::AgentWithKey> found = store::agents::find_by_key(database_, crypto::sha256_hex(key));
    if (!found) {
        return found.error().errc == Errc::kInvalidApiKey ? unknown_key() : fail(found.error());
    }
    if (!found->is_active(clock_())) {
        return unknown_key();
    }
    return std::move(found->agent);
}

Result<store::Agent> Authenticator::agent_by_id(std::string_view id) const {
    if (!encoding::is_uuid(id)) {
        return unknown_key();
    }
    Result<store::Agent> agent = store::agents::get(database_, encoding::to_lower_ascii(id));
    if (!agent) {
        return agent.error().errc == Errc::kAgentNotFound ? unknown_key() : fail(agent.error());
    }
    if (agent->revoked_at != 0) {
        return unknown_key();
    }
    return agent;
}

}  // namespace nexus::control
