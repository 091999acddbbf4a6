// Who asks, as the services see it: a control-plane key, an agent, or a person's browser in a flow.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control_plane/audit/event.h"
#include "control_plane/services/access/scope.h"
#include "control_plane/store/agent_repository.h"
#include "shared/record/caller_record.h"

namespace nexus::control {

struct Caller {
    enum class Kind : uint8_t { kControl, kAgent, kPerson };

    Kind kind = Kind::kPerson;
    std::string actor = "person";  // audit: "agent:<id>", "key:full", "key:edge", "key:<id>", "person"
    std::string ip_address;
    std::string user_agent;
    store::Agent agent;        // kAgent only
    Scopes scopes;             // kControl: what the key may do
    std::string workspace_id;  // kControl: the one workspace that the key is bound to; "" = none, it sees all

    /// A control-plane key by its scopes, an agent by its grants; a person may nothing.
    bool may(record::Grant grant) const noexcept;
    /// May it hand out these grants (record::Grant bits)? Nobody gives what he does not have; token:use is
    /// free, because it shows no credential.
    bool may_give(uint32_t grants) const noexcept;

    /// The one question of tenancy: is this workspace within reach?
    bool may_enter(std::string_view workspace) const;
    /// The workspace that a list or a new object is to be of: `asked`, or where nothing was asked the
    /// caller's own. returns "" = every workspace. errors kInsufficientGrant (somebody else's workspace)
    Result<std::string> choose_workspace(std::string_view asked) const;
    /// The same for a new object, which must have one. errors also kMissingFields
    Result<std::string> require_workspace(std::string_view asked) const;
    /// Is the connection within reach: of a workspace that the caller may enter, and for an agent not
    /// excluded by its lists.
    bool may_see(std::string_view workspace, std::string_view connection_id, std::string_view provider) const;
    bool may_use_provider(std::string_view provider) const;

    /// An audit event of this caller's.
    audit::Event event(std::string_view type) const;
    /// The same with {"<name>": value} as data.
    audit::Event event(std::string_view type, std::string_view name, std::string_view value) const;
};

}  // namespace nexus::control
