// Who asks: see caller.h.
#include "control_plane/services/access/caller.h"

#include <algorithm>
#include <array>

#include "control_plane/json/json.h"

namespace nexus::control {

namespace {

constexpr std::array kGrants{record::Grant::kTokenUse, record::Grant::kTokenRead,
                             record::Grant::kConnectionCreate, record::Grant::kConnectionRefresh,
                             record::Grant::kAdmin};

// What a control-plane key needs where an agent needs the grant.
Scopes scopes_for(record::Grant grant) {
    switch (grant) {
        case record::Grant::kTokenUse:
        case record::Grant::kTokenRead:
            return Scope::kTokensRead;
        case record::Grant::kConnectionCreate:
            return Scope::kConnectionsWrite;
        case record::Grant::kConnectionRefresh:
            return Scope::kTokensRefresh;
        case record::Grant::kAdmin:
            break;
    }
    return Scopes{Scope::kTokensRead} | Scope::kTokensRefresh | Scope::kConnectionsWrite;
}

bool is_listed_or_open(const std::vector<std::string> &list, std::string_view wanted) {
    return list.empty() || std::find(list.begin(), list.end(), wanted) != list.end();
}

}  // namespace

bool Caller::may(record::Grant grant) const noexcept {
    return kind == Kind::kControl ? scopes.has_all_of(scopes_for(grant))
                                  : kind == Kind::kAgent && record::has_grant(agent.grants, grant);
}

bool Caller::may_give(uint32_t grants) const noexcept {
    return std::all_of(kGrants.begin(), kGrants.end(), [&](record::Grant grant) {
        return (grants & static_cast<uint32_t>(grant)) == 0 || grant == record::Grant::kTokenUse ||
               may(grant);
    });
}

bool Caller::may_enter(std::string_view workspace) const {
    switch (kind) {
        case Kind::kControl:
            return workspace_id.empty() || workspace_id == workspace;
        case Kind::kAgent:
            return agent.workspace_id == workspace;
        case Kind::kPerson:
            return false;
    }
    return false;
}

Result<std::string> Caller::choose_workspace(std::string_view asked) const {
    if (asked.empty()) {
        return kind == Kind::kAgent ? agent.workspace_id : workspace_id;
    }
    if (!may_enter(asked)) {
        return fail(Errc::kInsufficientGrant, "this key is not for that workspace", "workspace_id");
    }
    return std::string{asked};
}

Result<std::string> Caller::require_workspace(std::string_view asked) const {
    Result<std::string> chosen = choose_workspace(asked);
    if (chosen && chosen->empty()) {
        return fail(Errc::kMissingFields, "member workspace_id is required", "workspace_id");
    }
    return chosen;
}

bool Caller::may_see(std::string_view workspace, std::string_view connection_id,
                     std::string_view provider) const {
    return may_enter(workspace) &&
           (kind != Kind::kAgent || (is_listed_or_open(agent.connections, connection_id) &&
                                     is_listed_or_open(agent.providers, provider)));
}

bool Caller::may_use_provider(std::string_view provider) const {
    return kind == Kind::kControl || (kind == Kind::kAgent && is_listed_or_open(agent.providers, provider));
}

audit::Event Caller::event(std::string_view type) const {
    audit::Event event;
    event.type = type;
    event.actor = actor;
    event.ip_address = ip_address;
    event.user_agent = user_agent;
    return event;
}

audit::Event Caller::event(std::string_view type, std::string_view name, std::string_view value) const {
    audit::Event out = event(type);
    out.data = json::Value::object().set(name, value).dump_text();
    return out;
}

}  // namespace nexus::control
