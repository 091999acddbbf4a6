// Who asks: see caller.h.
#include "control_plane/services/caller.h"

#include <algorithm>

#include "control_plane/json/json.h"

namespace nexus::control {

namespace {

bool is_listed_or_open(const std::vector<std::string> &list, std::string_view wanted) {
    return list.empty() || std::find(list.begin(), list.end(), wanted) != list.end();
}

}  // namespace

bool Caller::may(record::Grant grant) const noexcept {
    return kind == Kind::kControl || (kind == Kind::kAgent && record::has_grant(agent.grants, grant));
}

bool Caller::may_see(std::string_view workspace_id, std::string_view connection_id,
                     std::string_view provider) const {
    if (kind == Kind::kControl) {
        return true;
    }
    return kind == Kind::kAgent && agent.workspace_id == workspace_id &&
           is_listed_or_open(agent.connections, connection_id) &&
           is_listed_or_open(agent.providers, provider);
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
