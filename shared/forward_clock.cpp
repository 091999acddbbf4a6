// A clock that never goes back: see forward_clock.h.
#include "shared/forward_clock.h"

#include <algorithm>

namespace nexus {

ForwardClock::ForwardClock(Clock wall, Clock steady)
    : wall_(std::move(wall)), steady_(std::move(steady)), now_(wall_()), steady_at_(steady_()) {}

UnixMs ForwardClock::now() {
    const std::scoped_lock lock(mutex_);
    const int64_t passed = steady_() - steady_at_;
    const UnixMs wall = wall_();
    if (wall < now_ + passed && passed < 1024) {  // too little to slow down by: later reads add it up
        return std::max(wall, now_ + passed);
    }
    steady_at_ += passed;
    now_ = std::max(wall, now_ + passed - passed / 1024);
    return now_;
}

}  // namespace nexus
