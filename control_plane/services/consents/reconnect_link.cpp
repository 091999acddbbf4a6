// Standing links for reconnecting: see reconnect_link.h.
#include "control_plane/services/consents/reconnect_link.h"

namespace nexus::control {

std::string ReconnectLinks::link_to(std::string_view connection_id) const {
    constexpr UnixMs kDayMs = 24LL * 3600 * 1000;
    UnixMs now = clock_();
    return config_.base_url + "/connect/" +
           signer_.sign_reconnect(ReconnectClaims{std::string{connection_id}, now - now % kDayMs});
}

bool needs_person(const store::Connection &connection) noexcept {
    return connection.deleted_at == 0 && connection.state != connection::State::kActive &&
           connection.state != connection::State::kRevoked;
}

}  // namespace nexus::control
