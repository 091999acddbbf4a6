// Lanes of the refresh engine in SQL: what the fleet knows of a provider profile (that is, of one client at
// one provider) beside its connections: the next free slot of each of its limits, and whether it is to be
// left alone.
#pragma once

#include <string>
#include <string_view>

#include "control_plane/store/database.h"
#include "shared/clock.h"

namespace nexus::control::store {

struct Lane {
    int64_t slot_us = 0;       // theoretical arrival time (GCRA) of the next request
    UnixMs blocked_until = 0;  // no request before that
    int64_t failures = 0;      // of the provider, not of a connection; in a row
    std::string reason;        // of the last one
};

namespace lanes {

/// Of a profile; `limit` numbers its rate limits, 0 is the lane itself. One of zeroes where there is no row.
Result<Lane> get(Executor &sql, std::string_view provider_id, int64_t limit = 0);
/// Takes `count` slots of `interval_us` each. returns the first one's time, now_us at the earliest
Result<int64_t> reserve(Executor &sql, std::string_view provider_id, int64_t limit, int64_t now_us,
                        int64_t count, int64_t interval_us);
/// Counts a failure. returns how many there are in a row
Result<int64_t> count_failure(Executor &sql, std::string_view provider_id, std::string_view reason);
/// Until then at least; not if the lane was cleared since the failure was counted, as a block without
/// failures would be nobody's to lift.
Result<void> block(Executor &sql, std::string_view provider_id, UnixMs until);
/// After a block: lets one of many callers through, and keeps the others out until `until`.
Result<bool> probe(Executor &sql, std::string_view provider_id, UnixMs seen_blocked_until, UnixMs until);
/// The provider answers again, or its profile was changed.
Result<void> clear(Executor &sql, std::string_view provider_id);

}  // namespace lanes
}  // namespace nexus::control::store
