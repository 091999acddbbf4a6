// The refresh queue in SQL: one row for each connection that can be refreshed, with when it is due, who works
// on it (a lease with a growing epoch) and what is known of its last redemption. Which values are written
// when is the rules' business (refresh/redemption.h).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control_plane/store/connection_repository.h"
#include "control_plane/store/database.h"
#include "shared/clock.h"

namespace nexus::control::store {

struct Refresh {
    std::string connection_id;
    std::string provider_id;
    std::string workspace_id;
    UnixMs due_at = 0;  // when somebody is to look at it; 0 = never by itself. While leased: the lease's end
    UnixMs wanted_at = 0;     // what due_at began as: lag counts from here
    int64_t epoch = 0;        // grows with each lease
    UnixMs lease_until = 0;   // somebody works on it until then; 0 = nobody does
    std::string owner;        // of the lease
    int64_t token_epoch = 0;  // the epoch that brought the stored refresh token; the highest one wins
    UnixMs sent_at = 0;       // the oldest redemption of that token whose end is not known; 0 = there is none
    UnixMs rate_at = 0;       // theoretical arrival time (GCRA) of the provider's limit per connection
    int64_t attempts = 0;     // failures in a row
    std::string reason;       // of the last one
};

/// A row and its epoch, as whoever claimed it knows them.
struct RefreshEpoch {
    std::string connection_id;
    int64_t epoch = 0;
};

struct DueProvider {
    std::string provider_id;
    UnixMs due_at = 0;  // of its first row
};

struct DueRow {
    std::string connection_id;
    std::string workspace_id;
    UnixMs due_at = 0;
};

namespace refreshes {

/// A new grant: whatever is in flight for the old one is superseded, and what was known of it forgotten.
Result<void> begin(Executor &sql, const Connection &connection, UnixMs due_at);
/// A new grant that cannot be refreshed: the same, and never due. No row is no error.
Result<void> supersede(Executor &sql, std::string_view connection_id);
/// Not due any more: the connection waits for a person, or has ended. No row is no error.
Result<void> rest(Executor &sql, std::string_view connection_id);
/// errors kNoRefreshToken (no row)
Result<Refresh> get(Executor &sql, std::string_view connection_id);

/// Takes the lease of one connection, if nobody holds it. returns nullopt: somebody does, or there is no row
Result<std::optional<Refresh>> claim(Executor &sql, std::string_view connection_id, std::string_view owner,
                                     UnixMs now, int64_t lease_ms);
/// Takes those of these (at most kMaxClaims) that are due and free. Several nexusd do not wait for each
/// other.
Result<std::vector<Refresh>> claim_due(Database &database, std::span<const std::string> connection_ids,
                                       std::string_view owner, UnixMs now, int64_t lease_ms);
inline constexpr size_t kMaxClaims = 64;

/// The intent: from now on the refresh token of `claimed.token_epoch` may be used up. Writes sent_at (where
/// there is none yet) and rate_at. returns whether the lease still runs, and the token is still that of
/// `claimed`
Result<bool> mark_sent(Executor &sql, const Refresh &claimed, UnixMs now, UnixMs rate_at);
/// A new token was stored under row.epoch, in this transaction, with the connection's generation compared:
/// writes due_at, wanted_at and token_epoch; forgets sent_at, attempts and reason. Gives the lease back; a
/// newer holder keeps its lease and due_at.
Result<void> renew(Transaction &sql, const Refresh &row);
/// Nothing was stored: writes due_at, sent_at, attempts and reason, and gives the lease back. Only while the
/// lease is row.epoch's; sent_at only while the token is row.token_epoch's.
Result<void> give_back(Executor &sql, const Refresh &row);

/// Every provider that has rows in the queue, with its first due one: one step of an index each.
Result<std::vector<DueProvider>> due_providers(Executor &sql);
/// A provider's rows that became due from `from` (at least 1) until now, the oldest first.
Result<std::vector<DueRow>> due_rows(Executor &sql, std::string_view provider_id, UnixMs from, UnixMs now,
                                     int64_t limit);
/// Of these, those whose token may have been used up (sent_at): whoever worked on them has gone.
Result<std::vector<DueRow>> open_rows(Executor &sql, std::string_view provider_id, UnixMs now, int64_t limit);

}  // namespace refreshes
}  // namespace nexus::control::store
