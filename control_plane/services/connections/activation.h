// Gives a connection its credentials: sealed, the row changed, audit and outbox with them, in one
// transaction. The one way in for everything that yields credentials: callback, captured form, client
// credentials, import.
#pragma once

#include "control_plane/audit/event.h"
#include "control_plane/cache/outbox_drainer.h"
#include "control_plane/oauth/stored_credentials.h"
#include "control_plane/store/transition.h"
#include "control_plane/vault/vault.h"

namespace nexus::control {

/// change  state is set to active here; the rest is the caller's
/// errors  kConflict (the row moved meanwhile), kProviderNotFound (deleted meanwhile), kCryptoFailure,
///         kStoreUnavailable
Result<store::Connection> activate(store::Transaction &sql, const Vault &vault,
                                   const store::Connection &connection, const StoredCredentials &credentials,
                                   store::ConnectionChange change, audit::Event event, UnixMs now);

/// The end of it: credentials, and who they are of.
Result<void> forget_account(store::Transaction &sql, std::string_view connection_id);

/// After the commit: the log's line, and the record into the cache at once.
void announce_active(OutboxDrainer &drainer, const store::Connection &connection);

}  // namespace nexus::control
