// Whether a row of the audit chain fits behind the one before it (docs/decisions/0026): for who looks at the
// chain, and for who removes its old end.
#pragma once

#include "control_plane/audit/chain.h"

namespace nexus::control::store {

/// The row of the chain behind which the next one has to fit.
struct AuditLink {
    int64_t sequence = 0;
    std::string hash;  // its, or the anchor that the head holds for it
    bool was_keyed = false;

    /// chain  nullptr: rows that have a key fit nowhere
    /// returns what is wrong with the row as the next one, "row 7 was changed"; "" = it fits
    std::string misfit(const audit::Chain *chain, const audit::StoredEvent &row) const;
    void move_to(const audit::StoredEvent &row);
};

}  // namespace nexus::control::store
