// Leases in SQL: an UPDATE or upsert that only one of many claimants' conditions lets through, and that gives
// the winner its epoch back (RETURNING).
#pragma once

#include <optional>

#include "control_plane/store/database.h"

namespace nexus::control::store {

/// The epoch of the lease that was claimed; nullopt = somebody else has it.
inline Result<std::optional<int64_t>> claimed_epoch(const Result<Rows> &claimed) {
    if (!claimed) {
        return fail(claimed.error());
    }
    if (claimed->empty()) {
        return std::nullopt;
    }
    RowReader in(claimed->rows.front());
    const int64_t epoch = in.integer();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return epoch;
}

}  // namespace nexus::control::store
