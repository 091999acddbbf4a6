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
    // A first token, or one after a new consent, came with a change of the row.
    const UnixMs given_at = std::max(connection.last_refreshed_at, connection.updated_at);
    const UnixMs half_of_its_life = std::max<UnixMs>(0, connection.expires_at - given_at) / 2;
    return connection.expires_at - now < std::min(within_ms, half_of_its_life) &&
           now - given_at >= connection::kLeastPauseMs;
}

}  // namespace nexus::control
