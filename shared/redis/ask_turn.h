// The turn to ask the control plane about a record: a lock in Redis, so that of all edges one asks. Its lease
// is short and renewed by its holder, so that one that dies is not waited for. Who takes a turn when is the
// edge's business.
#pragma once

#include <string>
#include <string_view>

namespace nexus::redis {

/// Which question it is the turn for: each kind has a lock of its own, on the record's slot.
enum class Turn : unsigned char {
    kFetch,    // the record as it is
    kRefresh,  // a forced refresh
    kEarly,    // a refresh that is not urgent
};

std::string turn_key(Turn turn,
                     std::string_view id);  // nexus:fetch:{<id>}, nexus:refresh:..., nexus:early:...

/// Takes the turn, or renews the lease of one's own. KEYS[1] lock. ARGV: 1 the holder's token, 2 lease in ms.
/// returns 1: it is ours; 0: another's
extern const std::string_view kTakeTurnScript;

/// Ends the turn: hands the record over, if one was brought, and tells those who wait. Does nothing unless
/// the lock is still ours: a Redis that lost it has lost newer records as well. KEYS[1] record key, KEYS[2]
/// lock. ARGV: 1 to 5 as kWriteRecordScript takes them (2 = "": no record), 6 the holder's token, 7 event
/// JSON with generation 0. returns 1: written; 0: no record, or Redis has a newer one; -1: not ours any more
std::string_view end_turn_script();

}  // namespace nexus::redis
