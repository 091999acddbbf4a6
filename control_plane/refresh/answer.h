// What a provider's answer has brought, ready to be stored: now by the engine, or later from the journal.
#pragma once

#include <string>
#include <vector>

#include "control_plane/oauth/stored_credentials.h"
#include "control_plane/store/audit_repository.h"
#include "control_plane/store/connection_repository.h"
#include "control_plane/vault/vault.h"

namespace nexus::control {

struct Answer {
    std::string connection_id;
    int64_t epoch = 0;  // under which it was asked for
    UnixMs due_at = 0;  // when the new token is to be renewed
    StoredCredentials credentials;
    // refreshable; expires_at and last_refreshed_at, unless only the refresh token is new; scopes, metadata,
    // variables
    store::ConnectionChange change;
};

/// Stores it in the transaction of a group: token, connection, queue; what the audit is to say joins
/// `events`. Again is no error: an answer that is there already leaves the row as it is. returns the
/// connection afterwards errors  kInvalidState (something newer is there, or the connection has ended: the
/// answer is of no use),
///         kConnectionNotFound, kNoRefreshToken (it went, or needs none), kConflict (somebody wrote
///         meanwhile: try again), kStoreUnavailable
Result<store::Connection> store_answer(store::Transaction &sql,
                                       std::vector<store::audit_log::Pending> &events, const Vault &vault,
                                       const Answer &answer, UnixMs now);

/// Does this error of store_answer mean that trying again is of no use? The connection has gone on, or has
/// gone.
bool is_superseded(Errc errc) noexcept;

/// JSON, for the journal.
Secret to_json(const Answer &answer);
/// errors kMalformedRecord
Result<Answer> parse_answer(std::string_view json);

}  // namespace nexus::control
