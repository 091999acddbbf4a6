// What a statement that writes has done, for repositories that need to know no more than that.
#pragma once

#include "control_plane/store/value.h"

namespace nexus::control::store {

/// Whatever it changed.
inline Result<void> written(const Result<Rows> &rows) {
    if (!rows) {
        return fail(rows.error());
    }
    return {};
}

/// Did it change its one row? The WHERE of a compare-and-set says.
inline Result<bool> changed_one(const Result<Rows> &rows) {
    if (!rows) {
        return fail(rows.error());
    }
    return rows->affected == 1;
}

}  // namespace nexus::control::store
