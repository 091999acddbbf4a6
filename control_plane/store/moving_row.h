// Changes of a row that others may change between its reading and its writing.
#pragma once

#include "shared/result.h"

namespace nexus::control::store {

/// Runs `attempt`, which reads a row and writes it by its generation, again when it has moved in between, a
/// few times. A conflict that has a detail is about something else, and final. attempt  returns a Result
template <typename Attempt>
auto while_it_moves(Attempt &&attempt) {
    constexpr int kAttempts = 5;
    for (int tries = 1;; ++tries) {
        auto done = attempt();
        const bool has_moved = !done && done.error().errc == Errc::kConflict && done.error().detail.empty();
        if (!has_moved || tries == kAttempts) {
            return done;
        }
    }
}

}  // namespace nexus::control::store
