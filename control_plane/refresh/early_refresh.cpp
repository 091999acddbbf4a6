// The rule of early refreshes.
#include "control_plane/refresh/early_refresh.h"

#include <algorithm>

#include "shared/connection/refresh_due.h"

namespace nexus::control {

bool is_due_early(const store::Connection &connection, UnixMs within_ms, UnixMs now) noexcept {
    if (within_ms <= 0 || connection.expires_at == 0 || !connection.refreshable ||
        connection.state != connection::State::kActive) {
        return false;
    }
    const UnixMs given_at = connection.last_refreshed_at;
    const UnixMs most = given_at == 0 ? connection::kLongestMarginMs
                                      : std::max<UnixMs>(0, connection.expires_at - given_at) / 2;
    return connection.expires_at - now < std::min(within_ms, most) &&
           now - given_at >= connection::kLeastPauseMs;
}

}  // namespace nexus::control
