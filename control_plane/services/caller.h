// Who asks, as the services see it: a control-plane key, an agent, or a person's browser in a flow.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control_plane/audit/event.h"
#include "control_plane/store/agent_repository.h"
#include "shared/record/caller_record.h"

namespace nexus::control {

struct Caller {
    enum class Kind : uint8_t { kControl, kAgent, kPerson };

    Kind kind = Kind::kPerson;
    std::string actor = "person";  // audit: "agent:<id>", "key:full", "key:edge", "person"
    std::string ip_address;
    std::string user_agent;
    store::Agent agent;  // kAgent only

    /// A control-plane key may do everything here; an agent what its grants say; a person nothing.
    bool may(record::Grant grant) const noexcept;
    /// Is the connection within reach: any for a control-plane key; for an agent its workspace's, narrowed by
    /// its lists.
    bool may_see(std::string_view workspace_id, std::string_view connection_id,
                 std::string_view provider) const;
    bool may_use_provider(std::string_view provider) const;

    /// An audit event of this caller's.
    audit::Event event(std::string_view type) const;
    /// The same with {"<name>": value} as data.
    audit::Event event(std::string_view type, std::string_view name, std::string_view value) const;
};

}  // namespace nexus::control
