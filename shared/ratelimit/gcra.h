// The generic cell rate algorithm (ITU-T I.371, virtual scheduling): a rate with a burst, in one number per
// key. The theoretical arrival time is when the next request would come from somebody who uses the rate to
// the full; who comes earlier than that by more than the burst tolerance is refused. Arithmetic only: where
// the number is kept, and who shares it, is the caller's business.
#pragma once

#include <cstdint>

namespace nexus::ratelimit {

/// Microseconds of any clock that does not go back.
using Micros = int64_t;

inline constexpr Micros kSecond = 1'000'000;
inline constexpr Micros kMaxEmissionInterval = 366LL * 24 * 3600 * kSecond;
inline constexpr int64_t kMaxBurst = 1'000'000;
inline constexpr int64_t kMaxCost = 1'000'000;

/// What a limit allows: one request each emission interval, and as many more at once as fit the burst
/// tolerance.
struct Limit {
    Micros emission_interval = kSecond;
    Micros burst_tolerance = 0;
};

/// requests  > 0, in `period` > 0; whole microseconds apart: never more often than they say by more than a
///           thousandth
/// burst     how many may come at once beyond the one that is due
Limit make_limit(int64_t requests, Micros period, int64_t burst) noexcept;

struct Decision {
    bool is_allowed = false;
    Micros theoretical_arrival_time = 0;  // to be kept: of a refused request what was there
    Micros retry_after = 0;  // refused: until the same request would be allowed; 0 = never will be
    Micros reset_after = 0;  // until the key is as good as new
    int64_t remaining = 0;   // requests of cost 1 that would be allowed right now, after this one
};

/// theoretical_arrival_time  as kept; 0, or anything in the past, is a key as good as new
/// cost                      0..kMaxCost requests at once, more is never allowed; 0 only looks: is_allowed
///                           says whether one would be
Decision decide(const Limit &limit, Micros theoretical_arrival_time, Micros now, int64_t cost = 1) noexcept;

}  // namespace nexus::ratelimit
