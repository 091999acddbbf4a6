// When a token is to be renewed: see refresh_due.h.
#include "shared/connection/refresh_due.h"

#include <algorithm>
#include <functional>

namespace nexus::connection {

UnixMs refresh_due_at(std::string_view connection_id, UnixMs now, UnixMs expires_at,
                      int64_t slow_ms) noexcept {
    if (expires_at == 0) {
        return 0;
    }
    const int64_t lifetime = std::max<int64_t>(0, expires_at - now);
    const int64_t margin = std::min(kLongestMarginMs, lifetime / 5);
    const int64_t lead = std::max(margin, std::min(4 * slow_ms, lifetime / 2));
    const auto spread = static_cast<uint64_t>(std::min(kLongestMarginMs, lifetime / 10)) + 1;
    const auto jitter = static_cast<int64_t>(std::hash<std::string_view>{}(connection_id) % spread);
    return std::max(expires_at - lead - jitter, now + kLeastPauseMs);
}

}  // namespace nexus::connection
