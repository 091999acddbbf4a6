// From keys to callers: see authenticator.h.
#include "control_plane/services/access/authenticator.h"

#include "control_plane/services/access/api_key.h"
#include "control_plane/store/control_key_repository.h"
#include "shared/crypto/digest.h"
#include "shared/encoding/hex.h"
#include "shared/record/caller_record.h"

namespace nexus::control {

namespace {

tl::unexpected<Error> unknown_key() {
    return fail(Errc::kInvalidApiKey, "the API key is unknown, expired or revoked");
}

Caller environment_caller(KeyScope scope) {
    Caller caller;
    caller.kind = Caller::Kind::kControl;
    caller.scopes = scope == KeyScope::kFull ? Scopes::all() : Scopes{Scope::kEdge};
    caller.actor = scope == KeyScope::kFull ? "key:full" : "key:edge";
    return caller;
}

Caller scoped_caller(const store::ControlKeyRow &key) {
    Caller caller;
    caller.kind = Caller::Kind::kControl;
    caller.scopes = Scopes{key.scopes};
    caller.workspace_id = key.workspace_id;
    if (!key.workspace_id.empty()) {
        caller.scopes = caller.scopes & kWorkspaceScopes;  // whatever the row says
    }
    caller.actor = "key:" + key.key_id;
    return caller;
}

Caller agent_caller(store::Agent agent) {
    Caller caller;
    caller.kind = Caller::Kind::kAgent;
    caller.actor = "agent:" + agent.id;
    caller.agent = std::move(agent);
    return caller;
}

Authenticated answer(Caller caller, std::optional<Scopes> scopes, const Presented &presented) {
    caller.ip_address = presented.ip_address;
    caller.user_agent = presented.user_agent;
    return {std::move(caller), scopes};
}

}  // namespace

Result<Authenticated> Authenticator::authenticate(const Presented &presented) const {
    if (presented.key.empty()) {
        return fail(Errc::kMissingApiKey, "an API key is needed in X-API-Key or Authorization: Bearer");
    }
    Result<std::optional<Caller>> control = control_key(presented.key);
    if (!control) {
        return fail(control.error());
    }
    if (*control && presented.on_behalf_of.empty()) {
        const Scopes scopes = (*control)->scopes;
        return answer(std::move(**control), scopes, presented);
    }
    if (!*control && !presented.on_behalf_of.empty()) {
        return unknown_key();
    }
    Result<store::Agent> agent = *control ? agent_by_id(presented.on_behalf_of) : agent_by_key(presented.key);
    if (!agent) {
        return fail(agent.error());
    }
    if (!*control) {
        return answer(agent_caller(std::move(*agent)), std::nullopt, presented);
    }
    if (!(*control)->may_enter(agent->workspace_id)) {
        return unknown_key();  // one answer: ids of others' agents cannot be probed
    }
    return answer(agent_caller(std::move(*agent)), (*control)->scopes, presented);
}

bool Authenticator::is_control_key(std::string_view key) const {
    const Result<std::optional<Caller>> found = control_key(key);
    return found && *found;
}

Result<std::optional<Caller>> Authenticator::control_key(std::string_view key) const {
    if (std::optional<KeyScope> scope = match_control_key(keys_, key)) {
        return environment_caller(*scope);
    }
    if (!is_api_key(kControlKeyPrefix, key)) {
        return std::optional<Caller>{};
    }
    const std::string digest = crypto::sha256_hex(key);
    Result<store::ControlKeyRow> found = store::control_keys::find(database_, digest);
    if (!found) {
        return found.error().errc == Errc::kInvalidApiKey ? unknown_key() : fail(found.error());
    }
    if (!constant_time_equal(found->sha256, digest) || !found->is_active(clock_())) {
        return unknown_key();
    }
    if (last_used_ != nullptr) {
        last_used_->note(store::KeyTable::kControlKeys, found->key_id);
    }
    return scoped_caller(*found);
}

Result<store::Agent> Authenticator::agent_by_key(std::string_view key) const {
    if (!record::is_agent_key(key)) {
        return unknown_key();
    }
    const std::string digest = crypto::sha256_hex(key);
    Result<store::AgentWithKey> found = store::agents::find_by_key(database_, digest);
    if (!found) {
        return found.error().errc == Errc::kInvalidApiKey ? unknown_key() : fail(found.error());
    }
    if (!constant_time_equal(found->key.sha256, digest) || !found->is_active(clock_())) {
        return unknown_key();
    }
    if (last_used_ != nullptr) {
        last_used_->note(store::KeyTable::kAgentKeys, found->key.key_id);
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
    if (agent->revoked_at != 0 || agent->is_suspended) {
        return unknown_key();
    }
    return agent;
}

}  // namespace nexus::control
