// The rules of refreshing, as pure functions of a connection's row and the clock. Doing it is refresher.h's
// business.
#pragma once

#include <cstdint>
#include <optional>

#include "control_plane/store/connection_repository.h"
#include "shared/clock.h"

namespace nexus::control {

/// A token with less than this left is treated as expired: it would die on its way.
inline constexpr UnixMs kExpiryMarginMs = 5 * 1000;
/// A forced refresh joins one that ended less than this ago (docs/decisions/0008).
inline constexpr UnixMs kJoinWindowMs = 2 * 1000;

/// What a caller wants.
struct RefreshWish {
    bool forced = false;                           // false: only if the token has expired
    std::optional<int64_t> above_generation = {};  // forced: not if the connection is past this already
};

enum class RefreshDecision : uint8_t {
    kServe,           // the row as it is answers the caller (whatever its state)
    kRefresh,         // ask the provider
    kExpire,          // dead: it has expired and nothing can refresh it
    kNotRefreshable,  // forced, and there is nothing to refresh with
};

bool is_expired(const store::Connection &connection, UnixMs now) noexcept;  // past its hard expiry
bool is_nearly_expired(const store::Connection &connection, UnixMs now) noexcept;

RefreshDecision decide_refresh(const store::Connection &connection, const RefreshWish &wish,
                               UnixMs now) noexcept;

}  // namespace nexus::control
