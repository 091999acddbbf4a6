// Where a finished flow sends its person: see flow_end.h.
#include "control_plane/services/consents/flow_end.h"

#include "control_plane/oauth/return_url.h"
#include "control_plane/url/url.h"

namespace nexus::control {

namespace {

std::string back(const store::Connection &connection, const QueryParams &outcome, const HostRules &allowed) {
    return check_return_url(connection.return_url, allowed) ? with_query(connection.return_url, outcome) : "";
}

}  // namespace

std::string success_url(const store::Connection &connection, std::string_view provider,
                        const HostRules &allowed) {
    return back(
        connection,
        {{"status", "success"}, {"connection_id", connection.id}, {"provider", std::string{provider}}},
        allowed);
}

std::string error_url(const store::Connection &connection, std::string_view error, const HostRules &allowed) {
    return back(connection,
                {{"status", "error"}, {"error", std::string{error}}, {"connection_id", connection.id}},
                allowed);
}

}  // namespace nexus::control
