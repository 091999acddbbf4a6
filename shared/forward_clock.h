// A clock for expiries: it follows the system's, and never goes back with it. A system clock that is set back
// by ten minutes would make every token look alive for ten minutes too long.
#pragma once

#include <functional>
#include <mutex>

#include "shared/clock.h"

namespace nexus {

/// Thread safe. A step forward is followed at once (a token refreshed early does no harm). After a step back
/// it goes on from where it was, at 1023/1024 of its speed, until the system's clock has caught up.
class ForwardClock {
public:
    /// steady  milliseconds that only grow, from any start
    explicit ForwardClock(Clock wall = system_now_ms, Clock steady = steady_now_ms);
    UnixMs now();

private:
    const Clock wall_;
    const Clock steady_;
    std::mutex mutex_;
    UnixMs now_;
    int64_t steady_at_;
};

}  // namespace nexus
