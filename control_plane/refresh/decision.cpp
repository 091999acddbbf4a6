// The rules of refreshing: see decision.h.
#include "control_plane/refresh/decision.h"

namespace nexus::control {

bool is_expired(const store::Connection &connection, UnixMs now) noexcept {
    return connection.expires_at != 0 && now >= connection.expires_at;
}

bool is_nearly_expired(const store::Connection &connection, UnixMs now) noexcept {
    return connection.expires_at != 0 && now + kExpiryMarginMs >= connection.expires_at;
}

RefreshDecision decide_refresh(const store::Connection &connection, const RefreshWish &wish,
                               UnixMs now) noexcept {
    if (connection.state != connection::State::kActive) {
        return RefreshDecision::kServe;
    }
    if (!wish.forced) {
        if (connection.refreshable) {
            return is_nearly_expired(connection, now) ? RefreshDecision::kRefresh : RefreshDecision::kServe;
        }
        return is_expired(connection, now) ? RefreshDecision::kExpire : RefreshDecision::kServe;
    }
    if (!connection.refreshable) {
        return RefreshDecision::kNotRefreshable;
    }
    bool has_newer = wish.above_generation && connection.generation > *wish.above_generation;
    bool just_refreshed =
        connection.last_refreshed_at != 0 && now - connection.last_refreshed_at < kJoinWindowMs;
    if ((has_newer || just_refreshed) && !is_nearly_expired(connection, now)) {
        return RefreshDecision::kServe;
    }
    return RefreshDecision::kRefresh;
}

}  // namespace nexus::control
