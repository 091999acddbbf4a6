// GCRA: see gcra.h. Intervals, burst and cost are bounded so that no product leaves 63 bits.
#include "shared/ratelimit/gcra.h"

#include <algorithm>

namespace nexus::ratelimit {

namespace {

constexpr Micros kNever = INT64_MAX / 4;

Micros times(Micros interval, int64_t count) noexcept {
    return count > kNever / interval ? kNever : interval * count;
}

/// In whole microseconds. Rounded down, a millisecond or more admits a thousandth too much at the most, and a
/// burst of 30r/s is back in a second, as it says; what is shorter is rounded up.
Micros interval_of(int64_t requests, Micros period) noexcept {
    constexpr Micros kLongEnough = 1000;
    const Micros down = period / requests;
    return down < kLongEnough && down * requests < period ? down + 1 : down;
}

}  // namespace

Limit make_limit(int64_t requests, Micros period, int64_t burst) noexcept {
    const Micros interval =
        std::clamp<Micros>(interval_of(std::max<int64_t>(requests, 1), period), 1, kMaxEmissionInterval);
    return {interval, times(interval, std::clamp<int64_t>(burst, 0, kMaxBurst))};
}

Decision decide(const Limit &limit, Micros theoretical_arrival_time, Micros now, int64_t cost) noexcept {
    const int64_t asked = std::clamp<int64_t>(cost, 0, kMaxCost + 1);
    const Micros capacity = limit.burst_tolerance + limit.emission_interval;  // what may be owed at most
    // A value from beyond that is no value of this limit's: a smaller one was configured, or a clock was
    // wrong.
    const Micros known = std::min(theoretical_arrival_time, now + capacity);
    const Micros owed = std::max<Micros>(known - now, 0);
    const Micros wanted = owed + times(limit.emission_interval, std::max<int64_t>(asked, 1));

    Decision out;
    out.is_allowed = asked <= kMaxCost && wanted <= capacity;
    const Micros owed_after = out.is_allowed && asked > 0 ? wanted : owed;
    out.theoretical_arrival_time = now + owed_after;
    out.reset_after = owed_after;
    out.remaining = (capacity - owed_after) / limit.emission_interval;
    if (!out.is_allowed) {
        const Micros too_much = wanted - capacity;
        out.retry_after = asked <= kMaxCost && too_much <= owed ? too_much : 0;
    }
    return out;
}

}  // namespace nexus::ratelimit
