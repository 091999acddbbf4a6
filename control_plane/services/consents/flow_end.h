// Where a finished flow sends its person: back to return_url with the outcome in the query. A return_url that
// the operator does not allow any more gives "": the person gets a page of ours instead.
#pragma once

#include <string>
#include <string_view>

#include "control_plane/config/config.h"
#include "control_plane/store/connection_repository.h"

namespace nexus::control {

/// How a flow ended, for whoever has to show it.
struct FlowEnd {
    std::string connection_id;
    std::string flow_id;
    std::string provider;      // name; "" if it is gone
    std::string error;         // "" = success; else a code of ours or OAuth's
    std::string redirect_url;  // "" = nowhere
};

std::string success_url(const store::Connection &connection, std::string_view provider,
                        const HostRules &allowed);
std::string error_url(const store::Connection &connection, std::string_view error, const HostRules &allowed);

}  // namespace nexus::control
